import type { CrossSiteRule, RequestTarget, SameSite } from "../../session/http/cross-site.ts";
import type { RequestInfo } from "../../session/http/request-contract.ts";
import { firstOf, namesHttps } from "../node/request-info.ts";

/** The parts of a web `Request` that show its session and its origin. */
export interface WebRequestParts {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: Pick<Headers, "get">;
}

/** {@link RequestInfo} of web requests. Each fact is looked up on demand. */
export class WebRequestInfo implements RequestInfo, RequestTarget {
  readonly #request: WebRequestParts;
  readonly #crossSite: CrossSiteRule;
  readonly #trustProxy: boolean;
  #areHeadersSent = false;

  constructor(request: WebRequestParts, crossSite: CrossSiteRule, trustProxy: boolean) {
    this.#request = request;
    this.#crossSite = crossSite;
    this.#trustProxy = trustProxy;
  }

  get cookieHeader(): string | undefined {
    return this.#header("cookie");
  }

  get userAgent(): string | undefined {
    return this.#header("user-agent");
  }

  isSecure(): boolean {
    const protocol = this.#forwarded("x-forwarded-proto");
    return protocol === undefined
      ? this.#request.url.startsWith("https:")
      : protocol.toLowerCase() === "https";
  }

  host(): string | undefined {
    return this.authority();
  }

  authority(): string | undefined {
    const { url } = this.#request;
    return this.#forwarded("x-forwarded-host") ?? (URL.canParse(url) ? new URL(url).host : undefined);
  }

  claimsHttps(): boolean {
    return namesHttps(this.#header("x-forwarded-proto"), this.#header("forwarded"));
  }

  mayBeginSession(sameSite: SameSite): boolean {
    return this.#crossSite.mayBegin(this.#source, this, sameSite);
  }

  /** @throws {CrossSiteError} For a request that must be refused. */
  checkSite(): void {
    this.#crossSite.check(this.#source, this);
  }

  areHeadersSent(): boolean {
    return this.#areHeadersSent;
  }

  /** Notes that the response was handed to the server. */
  noteHeadersSent(): void {
    this.#areHeadersSent = true;
  }

  get #source() {
    const headers = {
      origin: this.#header("origin"),
      referer: this.#header("referer"),
      "sec-fetch-site": this.#header("sec-fetch-site"),
    };
    return { method: this.#request.method, headers };
  }

  #header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  #forwarded(name: string): string | undefined {
    return this.#trustProxy ? firstOf(this.#header(name)) : undefined;
  }
}
