/** Where an error of a navigation function leads to. */
export interface Navigation {
  readonly status: number;
  readonly location?: string;
}

/**
 * Returns the meaning of an error of `redirect()`, `permanentRedirect()`,
 * `notFound()`, `forbidden()` or `unauthorized()`; `undefined` for another error.
 *
 * Next recognises these errors by their digest: `NEXT_REDIRECT;replace;/cart;307;` and
 * `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
export function navigationOf(error: unknown): Navigation | undefined {
  const { digest } = (error ?? {}) as { digest?: unknown };
  if (typeof digest !== "string") return undefined;
  const [code, ...parts] = digest.split(";");
  if (code === "NEXT_HTTP_ERROR_FALLBACK") return { status: Number(parts[0]) };
  if (code !== "NEXT_REDIRECT") return undefined;
  // A location may have semicolons.
  return { status: Number(parts.at(-2)), location: parts.slice(1, -2).join(";") };
}

/**
 * Returns the response that Next would make of such an error, so that the session's headers can be
 * added.
 *
 * @throws Any other error.
 */
export function navigationResponse(error: unknown): Response {
  const navigation = navigationOf(error);
  if (navigation === undefined) throw error;
  const { status, location } = navigation;
  return new Response(null, { status, ...(location !== undefined && { headers: { Location: location } }) });
}
