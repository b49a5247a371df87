import Bowser from "bowser";

// Long enough for any browser; what a client sends is not to be trusted with more.
const MAX_USER_AGENT = 512;

/**
 * Names that a label may contain. The parser knows many patterns, but of a browser that fits none of them it
 * gives the visitor's own text.
 */
const BROWSERS: ReadonlySet<string> = new Set([...Object.values(Bowser.BROWSER_MAP), "Miui", "SlimerJS"]);
const SYSTEMS: ReadonlySet<string> = new Set(Object.values(Bowser.OS_MAP));

/**
 * A label for the device that a User-Agent header stands for, such as `Firefox on Windows` or
 * `Safari on iOS`, for people to recognise their devices by. It is made of names that the parser knows, never
 * of the visitor's text, and has at most 64 characters of ASCII.
 *
 * @returns `undefined` when there is no header, or it names no known browser.
 */
export function describeDevice(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent === "") return undefined;
  const { browser, os } = Bowser.parse(userAgent.slice(0, MAX_USER_AGENT));
  if (browser.name === undefined || !BROWSERS.has(browser.name)) return undefined;
  return os.name === undefined || !SYSTEMS.has(os.name) ? browser.name : `${browser.name} on ${os.name}`;
}
