/** Answer of a request. */
export interface Page {
  readonly status: number;
  readonly body: string;
  readonly setCookie: readonly string[];
  /** Target of a redirect; empty without one. */
  readonly location: string;
}

/** A browser with a cookie jar. */
export class Jar {
  readonly cookies: Map<string, string>;

  constructor(cookies: ReadonlyMap<string, string> = new Map()) {
    this.cookies = new Map(cookies);
  }

  /** Another tab, or a request that is sent at the same time: it has the cookies of this moment. */
  copy(): Jar {
    return new Jar(this.cookies);
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  get(origin: string, path = "/"): Promise<Page> {
    return this.#send(origin, path, { method: "GET" });
  }

  post(origin: string, path: string, fields: Record<string, string> = {}): Promise<Page> {
    return this.#send(origin, path, { method: "POST", body: new URLSearchParams(fields) });
  }

  logIn(origin: string, username = "ann"): Promise<Page> {
    return this.post(origin, "/login", { username, password: "secret" });
  }

  async home(origin: string): Promise<unknown> {
    return JSON.parse((await this.get(origin)).body) as unknown;
  }

  async #send(origin: string, path: string, init: RequestInit): Promise<Page> {
    const headers = this.cookies.size === 0 ? {} : { cookie: this.header };
    const response = await fetch(origin + path, { ...init, headers, redirect: "manual" });
    const setCookie = response.headers.getSetCookie();
    for (const cookie of setCookie) this.#keep(cookie);
    const location = response.headers.get("location") ?? "";
    return { status: response.status, body: await response.text(), setCookie, location };
  }

  #keep(cookie: string): void {
    const [pair = "", ...attributes] = cookie.split(/; */);
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    const isOver = attributes.some((each) => /^max-age=0$|^expires=thu, 01 jan 1970/i.test(each));
    if (isOver) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}
