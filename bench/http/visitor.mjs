// @ts-check

/** Browser of one visitor: it has one cookie, the session's. */
export class Visitor {
  cookie = "";

  /** @param {string} setCookie */
  take(setCookie) {
    const [pair = ""] = setCookie.split(";", 1);
    if (pair.endsWith("=")) throw new Error("A visitor has lost the session.");
    this.cookie = pair;
  }

  /** @param {string} url @param {string} [cookie] An earlier one. */
  async get(url, cookie = this.cookie) {
    const response = await fetch(url, { headers: cookie === "" ? {} : { cookie } });
    const setCookies = response.headers.getSetCookie();
    if (cookie === this.cookie) setCookies.forEach((each) => this.take(each));
    return { status: response.status, body: await response.text(), setCookies };
  }
}
