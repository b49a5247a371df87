// @ts-check

/** Browser of one visitor: it has the cookies of a session, one or two. */
export class Visitor {
  /** The Cookie header. */
  cookie = "";
  /** @readonly @type {Map<string, string>} Cookies by their names. */
  #cookies = new Map();

  /** @param {string} setCookie */
  take(setCookie) {
    const [pair = ""] = setCookie.split(";", 1);
    if (pair.endsWith("=")) throw new Error("A visitor has lost the session.");
    const [name = ""] = pair.split("=", 1);
    this.#cookies.set(name, pair);
    this.cookie = [...this.#cookies.values()].join("; ");
  }

  /** @param {string} url @param {string} [cookie] An earlier one. */
  async get(url, cookie = this.cookie) {
    const response = await fetch(url, { headers: cookie === "" ? {} : { cookie } });
    const setCookies = response.headers.getSetCookie();
    if (cookie === this.cookie) setCookies.forEach((each) => this.take(each));
    return { status: response.status, body: await response.text(), setCookies };
  }
}
