/**
 * Returns the response that stands for an error of `redirect()`, `permanentRedirect()`,
 * `notFound()`, `forbidden()` or `unauthorized()`; `undefined` for another error.
 *
 * Next recognises these errors by their digest: `NEXT_REDIRECT;replace;/cart;307;` and
 * `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
export function navigationOf(error: unknown): { status: number; location?: string } | undefined {
  const { digest } = (error ?? {}) as { digest?: unknown };
  if (typeof digest !== "string") return undefined;
  const [code, ...parts] = digest.split(";");
  if (code === "NEXT_HTTP_ERROR_FALLBACK") return { status: Number(parts[0]) };
  if (code !== "NEXT_REDIRECT") return undefined;
  // A location may have semicolons.
  return { status: Number(parts.at(-2)), location: parts.slice(1, -2).join(";") };
}
