import Bowser from "bowser";

// Long enough for any browser; what a client sends is not to be trusted with more.
const LONGEST_USER_AGENT = 512;

/**
 * A label for the device that a User-Agent header stands for, such as `Firefox on Windows` or `Safari on iOS`, for
 * people to recognise their devices by.
 *
 * @returns `undefined` when there is no header, or it names nothing known.
 */
export function describeDevice(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent === "") return undefined;
  const { browser, os } = Bowser.parse(userAgent.slice(0, LONGEST_USER_AGENT));
  if (browser.name === undefined || browser.name === "") return undefined;
  return os.name === undefined || os.name === "" ? browser.name : `${browser.name} on ${os.name}`;
}
