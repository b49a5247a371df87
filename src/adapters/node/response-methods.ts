import type { ServerResponse } from "node:http";

type Method = (this: ServerResponse, ...args: unknown[]) => unknown;

/**
 * The methods of a response that can put bytes on the wire or end its connection, and `on`, which `compression`
 * replaces as well. A response of HTTP/2 has the same ones.
 */
export interface ResponseMethods {
  readonly writeHead: Method;
  readonly write: Method;
  readonly end: Method;
  readonly flushHeaders: Method;
  readonly destroy: Method;
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

const WRITER_METHODS = ["writeHead", "write", "end", "flushHeaders", "_implicitHeader"];

/** The methods that a response has at this moment: Node's, or those that were put over them. */
export function methodsOf(response: ServerResponse): ResponseMethods {
  const { writeHead, write, end, flushHeaders, destroy, on } = response as unknown as ResponseMethods;
  return { writeHead, write, end, flushHeaders, destroy, on };
}

/** Puts a writer over the methods of a response. */
export function putOver(response: ServerResponse, writer: ResponseWriter): void {
  const target = response as unknown as Record<string, unknown>;
  target["writeHead"] = (...args: unknown[]) => writer.writeHead(args);
  target["write"] = (...args: unknown[]) => writer.write(args);
  target["end"] = (...args: unknown[]) => writer.end(args);
  target["flushHeaders"] = () => writer.flushHeaders();
  target["_implicitHeader"] = () => writer.implicitHead();
}

/** Takes away whatever stands over Node's own methods. */
export function uncover(response: ServerResponse): void {
  const target = response as unknown as Record<string, unknown>;
  for (const name of WRITER_METHODS) delete target[name];
}

/** Whether somebody has replaced `on`, and may bring listeners somewhere else than to the response. */
export function redirectsListeners(response: ServerResponse): boolean {
  return Object.hasOwn(response, "on");
}
