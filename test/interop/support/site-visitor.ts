/** A browser on a Django site: it keeps cookies, and speaks JSON. */
export class SiteVisitor {
  readonly #url: string;
  readonly #cookies: Map<string, string>;
  readonly #siteErrors: () => string;

  /** @param siteErrors Gives what the site has printed about failures, for the message of an error. */
  constructor(url: string, cookies = "", siteErrors: () => string = () => "") {
    this.#url = url;
    this.#siteErrors = siteErrors;
    this.#cookies = new Map(cookies.split("; ").flatMap((pair) => (pair === "" ? [] : [splitPair(pair)])));
  }

  /** The Cookie header that it sends; `undefined` when it has no cookies. */
  get cookieHeader(): string | undefined {
    if (this.#cookies.size === 0) return undefined;
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join("; ");
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name);
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.#send(path, { method: "GET" });
  }

  /** @param body Is sent as JSON. */
  post<Answer>(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { method: "POST", body: JSON.stringify(body), headers });
  }

  /** @throws {Error} On any status but 200. */
  async #send<Answer>(path: string, init: RequestInit): Promise<Answer> {
    const response = await this.request(path, init);
    if (!response.ok) {
      throw new Error(`${init.method} ${path} was answered with ${response.status}.\n${this.#siteErrors()}`);
    }
    return (await response.json()) as Answer;
  }

  /** Sends a request with the cookies, and keeps those of the answer, whatever its status is. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.cookieHeader !== undefined) headers.set("cookie", this.cookieHeader);
    const response = await fetch(`${this.#url}${path}`, { ...init, headers });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  /** An answer tells to forget a cookie by an age of 0. */
  #keep(line: string): void {
    const [pair = "", ...attributes] = line.split("; ");
    const [name, value] = splitPair(pair);
    if (attributes.includes("Max-Age=0")) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}
