import { ServerResponse } from "node:http";

type Method = (this: ServerResponse, ...args: unknown[]) => unknown;

/** The methods of a response that can put bytes on the wire, and `on`, which `compression` replaces as well. */
export interface ResponseMethods {
  readonly writeHead: Method;
  readonly write: Method;
  readonly end: Method;
  readonly flushHeaders: Method;
  readonly on: Method;
}

/** Takes the place of {@link ResponseMethods}. */
export interface ResponseWriter {
  writeHead(args: unknown[]): unknown;
  write(args: unknown[]): unknown;
  end(args: unknown[]): unknown;
  flushHeaders(): unknown;
  /** Node's own methods call it for a head that nobody has written. */
  implicitHead(): unknown;
}

/** The methods that a response has at this moment: Node's, or those that were put over them. */
export function methodsOf(response: ServerResponse): ResponseMethods {
  const { writeHead, write, end, flushHeaders, on } = response as unknown as ResponseMethods;
  return { writeHead, write, end, flushHeaders, on };
}

/** Node's own methods. */
export const nativeMethods: ResponseMethods = methodsOf(ServerResponse.prototype as ServerResponse);

/** Puts a writer over the methods of a response. */
export function putOver(response: ServerResponse, writer: ResponseWriter): void {
  const target = response as unknown as Record<string, unknown>;
  target["writeHead"] = (...args: unknown[]) => writer.writeHead(args);
  target["write"] = (...args: unknown[]) => writer.write(args);
  target["end"] = (...args: unknown[]) => writer.end(args);
  target["flushHeaders"] = () => writer.flushHeaders();
  target["_implicitHeader"] = () => writer.implicitHead();
}

/** Whether somebody has replaced `on`, and may bring listeners somewhere else than to the response. */
export function redirectsListeners(response: ServerResponse): boolean {
  return Object.hasOwn(response, "on");
}
