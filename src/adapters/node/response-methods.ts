import type { ServerResponse } from "node:http";

type Method = (this: ServerResponse, ...args: unknown[]) => unknown;

/**
 * The methods of a response that can send bytes or end its connection, and `on`, which
 * `compression` also replaces. HTTP/2 responses have the same ones.
 */
export interface ResponseMethods {
  readonly writeHead: Method;
  readonly write: Method;
  readonly end: Method;
  readonly flushHeaders: Method;
  readonly destroy: Method;
  readonly on: Method;
}

/** Replacement of {@link ResponseMethods}. */
export interface ResponseWriter {
  writeHead(args: unknown[]): unknown;
  write(args: unknown[]): unknown;
  end(args: unknown[]): unknown;
  flushHeaders(): unknown;
  /** Called by Node's own methods when no head has been written. */
  implicitHead(): unknown;
}

const WRITER_METHODS = ["writeHead", "write", "end", "flushHeaders", "_implicitHeader"];

/** Returns the current methods of a response: Node's, or their overrides. */
export function methodsOf(response: ServerResponse): ResponseMethods {
  const { writeHead, write, end, flushHeaders, destroy, on } = response as unknown as ResponseMethods;
  return { writeHead, write, end, flushHeaders, destroy, on };
}

/** Overrides the methods of a response by those of a writer. */
export function putOver(response: ServerResponse, writer: ResponseWriter): void {
  const target = response as unknown as Record<string, unknown>;
  target["writeHead"] = (...args: unknown[]) => writer.writeHead(args);
  target["write"] = (...args: unknown[]) => writer.write(args);
  target["end"] = (...args: unknown[]) => writer.end(args);
  target["flushHeaders"] = () => writer.flushHeaders();
  target["_implicitHeader"] = () => writer.implicitHead();
}

/** Removes all overrides of Node's own methods. */
export function uncover(response: ServerResponse): void {
  const target = response as unknown as Record<string, unknown>;
  for (const name of WRITER_METHODS) delete target[name];
}

/** Returns whether `on` has been replaced, and may attach listeners to another object. */
export function redirectsListeners(response: ServerResponse): boolean {
  return Object.hasOwn(response, "on");
}
