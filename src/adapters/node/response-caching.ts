import type { HeaderFields } from "./header-fields.ts";

/** Directives that let a shared cache keep a response (RFC 9111 section 5.2.2). */
const SHARING = new Set(["public", "s-maxage", "proxy-revalidate"]);

/**
 * Fields for one cache in front, which override Cache-Control there (RFC 9213; W3C Edge
 * Architecture; nginx).
 */
const TARGETED = new Set(["cdn-cache-control", "surrogate-control", "x-accel-expires"]);

let hasWarned = false;

/**
 * Keeps a response that depends on a session out of shared caches.
 *
 * A response that sets the session's cookie becomes `private`, whatever the application has set: a
 * cache that stores it would give the session to the next visitor. `no-cache="Set-Cookie"`, which
 * OWASP names, is not enough: many caches keep the page without the cookie (RFC 9111 section
 * 5.2.2.4 allows it), and the page belongs to that visitor. A response that has only read the
 * session becomes `private` unless the application has set Cache-Control.
 */
export function keepFromSharedCaches(response: HeaderFields, setsCookie: boolean): void {
  const present = response.getHeader("Cache-Control");
  if (!setsCookie) {
    if (present === undefined) response.setHeader("Cache-Control", "private");
    return;
  }
  const targeted = response.getHeaderNames().filter(isTargeted);
  for (const name of targeted) response.removeHeader(name);
  const directives = listOf(present);
  const kept = directives.filter((directive) => !SHARING.has(nameOf(directive)));
  if (targeted.length > 0 || kept.length < directives.length) warnOnce();
  const isKept = kept.some(
    (directive) => directive.toLowerCase() === "private" || nameOf(directive) === "no-store",
  );
  if (isKept && kept.length === directives.length) return;
  response.setHeader("Cache-Control", [...(isKept ? [] : ["private"]), ...kept].join(", "));
}

function isTargeted(name: string): boolean {
  return TARGETED.has(name) || name.endsWith("-cdn-cache-control");
}

/** A comma inside quotes, as in `no-cache="a, b"`, separates nothing. */
function listOf(header: number | string | readonly string[] | undefined): string[] {
  const text = [header ?? []].flat().join(", ");
  return (text.match(/(?:"[^"]*"|[^,"])+/g) ?? [])
    .map((directive) => directive.trim())
    .filter((each) => each !== "");
}

function nameOf(directive: string): string {
  return (directive.split("=", 1)[0] ?? "").trim().toLowerCase();
}

function warnOnce(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    "A response that sets a session's cookie said that shared caches may keep it (Cache-Control: public or s-maxage, or a " +
      "field for a CDN). It went out as private: a cache would have given one visitor's session to others. Do not use " +
      "the session on pages that are the same for everybody, or say private there.",
    { type: "SojournWarning", code: "SOJOURN_SHARED_CACHE" },
  );
}
