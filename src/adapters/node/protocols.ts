import type { ServerResponse } from "node:http";
import { http1 } from "./http1-response.ts";
import { http2, isHttp2 } from "./http2-response.ts";
import type { ResponseProtocol } from "./response-protocol.ts";

/** Returns the protocol of a response, whatever its class. */
export function protocolOf(response: ServerResponse): ResponseProtocol {
  return isHttp2(response) ? http2 : http1;
}
