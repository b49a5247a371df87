import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { CrossSiteRule, RequestTarget, SameSite } from "../../session/http/cross-site.ts";
import type { RequestInfo } from "../../session/http/request-contract.ts";

/**
 * {@link RequestInfo} of Node's requests, for all versions of HTTP. Each fact is looked up on
 * demand.
 */
export abstract class HttpRequestInfo<Request extends IncomingMessage> implements RequestInfo, RequestTarget {
  protected readonly request: Request;
  readonly #response: ServerResponse;
  readonly #crossSite: CrossSiteRule;

  constructor(request: Request, response: ServerResponse, crossSite: CrossSiteRule) {
    this.request = request;
    this.#response = response;
    this.#crossSite = crossSite;
  }

  abstract isSecure(): boolean;
  abstract host(): string | undefined;
  abstract authority(): string | undefined;

  get cookieHeader(): string | undefined {
    return this.request.headers.cookie;
  }

  get userAgent(): string | undefined {
    return this.request.headers["user-agent"];
  }

  areHeadersSent(): boolean {
    return this.#response.headersSent;
  }

  claimsHttps(): boolean {
    const { headers } = this.request;
    return namesHttps(headers["x-forwarded-proto"], headers.forwarded);
  }

  mayBeginSession(sameSite: SameSite): boolean {
    return this.#crossSite.mayBegin(this.request, this, sameSite);
  }

  /** @throws {CrossSiteError} For a request that must be refused. */
  checkSite(): void {
    this.#crossSite.check(this.request, this);
  }
}

/** RecordMetadata of a plain Node request. */
export class NodeRequestInfo extends HttpRequestInfo<IncomingMessage> {
  readonly #trustProxy: boolean;
  /** Kept here, since an HTTP/2 stream loses its session when it is closed. */
  readonly #connection: { readonly encrypted?: boolean | undefined };

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    crossSite: CrossSiteRule,
    trustProxy: boolean,
  ) {
    super(request, response, crossSite);
    this.#trustProxy = trustProxy;
    this.#connection = connectionOf(request);
  }

  isSecure(): boolean {
    const protocol = this.#forwarded("x-forwarded-proto");
    return protocol === undefined ? this.#connection.encrypted === true : protocol.toLowerCase() === "https";
  }

  host(): string | undefined {
    return this.authority();
  }

  authority(): string | undefined {
    return this.#forwarded("x-forwarded-host") ?? authorityOf(this.request);
  }

  #forwarded(name: string): string | undefined {
    return this.#trustProxy ? firstOf(this.request.headers[name]) : undefined;
  }
}

/** Returns whether one of the headers `X-Forwarded-Proto` and `Forwarded` says https. */
export function namesHttps(
  forwardedProto: string | readonly string[] | undefined,
  forwarded: string | undefined,
): boolean {
  if (firstOf(forwardedProto)?.toLowerCase() === "https") return true;
  // RFC 7239 section 4.
  return /(?:^|[;,\s])proto="?https\b/i.test(forwarded ?? "");
}

/**
 * Returns the first value of a forwarded header: each proxy appends its own, so the first is the
 * visitor's.
 */
export function firstOf(header: string | readonly string[] | undefined): string | undefined {
  const first = [header ?? []].flat().join(",").split(",")[0]?.trim();
  return first === "" ? undefined : first;
}

// RFC 9113 section 8.3.1: `:authority` takes precedence over Host.
function authorityOf({ headers }: IncomingMessage): string | undefined {
  return (headers[":authority"] as string | undefined) ?? headers.host;
}

/** Returns whether a request came over TLS, whatever its headers say. */
export function isEncrypted(request: IncomingMessage): boolean {
  return connectionOf(request).encrypted === true;
}

function connectionOf(request: IncomingMessage): TLSSocket | ServerHttp2Session {
  if (request.httpVersionMajor < 2) return request.socket as TLSSocket;
  return (request as unknown as Http2ServerRequest).stream.session as ServerHttp2Session;
}
