import Bowser from "bowser";

// Long enough for any browser; longer input from a client is not worth parsing.
const MAX_USER_AGENT = 512;

/**
 * Names that a label may contain. For a browser that matches none of its patterns, the parser
 * returns the visitor's own text.
 */
const BROWSERS: ReadonlySet<string> = new Set([...Object.values(Bowser.BROWSER_MAP), "Miui", "SlimerJS"]);
const SYSTEMS: ReadonlySet<string> = new Set(Object.values(Bowser.OS_MAP));

/**
 * Returns a label for the device of a User-Agent header, such as `Firefox on Windows` or `Safari on
 * iOS`, by which users recognise their devices. It consists of names that the parser knows, never
 * of the visitor's text, and has at most 64 ASCII characters.
 *
 * @returns `undefined` without a header or a known browser.
 */
export function describeDevice(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent === "") return undefined;
  const { browser, os } = Bowser.parse(userAgent.slice(0, MAX_USER_AGENT));
  if (browser.name === undefined || !BROWSERS.has(browser.name)) return undefined;
  return os.name === undefined || !SYSTEMS.has(os.name) ? browser.name : `${browser.name} on ${os.name}`;
}
