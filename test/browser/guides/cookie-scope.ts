import type { SessionCookieSettings } from "sojourn";

/** The cookie was the host's alone; from now on all hosts of shop.test have it. */
export const cookie: SessionCookieSettings = {
  domain: "shop.test",
  previous: [{}], // as it was: the path "/", and no domain
};
