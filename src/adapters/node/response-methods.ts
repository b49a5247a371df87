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

/** Returns the current methods of a response: Node's, or their overrides. */
export function methodsOf(response: ServerResponse): ResponseMethods {
  const { writeHead, write, end, flushHeaders, destroy, on } = response as unknown as ResponseMethods;
  return { writeHead, write, end, flushHeaders, destroy, on };
}

/**
 * Methods that take the place of a response's own, and call the writer that is set for it.
 *
 * All responses share them, and so have one shape; closures for each took 4 % of a request's
 * processor time.
 */
export class ResponseOverrides<Writer extends ResponseWriter> {
  // A property: a WeakMap of all responses costs the garbage collector more than the rest of the
  // hold.
  readonly #key: symbol;
  readonly #methods: Readonly<Record<keyof ResponseWriter, unknown>>;

  /** @param name Shown where a response is inspected. */
  constructor(name: string) {
    this.#key = Symbol(name);
    this.#methods = methodsFor(this.#key);
  }

  /** Sets the writer of a response, and overrides its methods. */
  set(response: ServerResponse, writer: Writer): void {
    const target = response as unknown as Record<string | symbol, unknown>;
    const { writeHead, write, end, flushHeaders, implicitHead } = this.#methods;
    target[this.#key] = writer;
    target["writeHead"] = writeHead;
    target["write"] = write;
    target["end"] = end;
    target["flushHeaders"] = flushHeaders;
    target["_implicitHeader"] = implicitHead;
  }

  /** Returns the writer of a response; `undefined` if none was set. */
  get(response: ServerResponse): Writer | undefined {
    return (response as unknown as Record<symbol, Writer | undefined>)[this.#key];
  }
}

function methodsFor(key: symbol): Readonly<Record<keyof ResponseWriter, unknown>> {
  type Overridden = Record<symbol, ResponseWriter>;
  return {
    writeHead(this: Overridden, ...args: unknown[]): unknown {
      return this[key]?.writeHead(args);
    },
    write(this: Overridden, ...args: unknown[]): unknown {
      return this[key]?.write(args);
    },
    end(this: Overridden, ...args: unknown[]): unknown {
      return this[key]?.end(args);
    },
    flushHeaders(this: Overridden): unknown {
      return this[key]?.flushHeaders();
    },
    implicitHead(this: Overridden): unknown {
      return this[key]?.implicitHead();
    },
  };
}

const WRITER_METHODS = ["writeHead", "write", "end", "flushHeaders", "_implicitHeader"];

/** Removes all overrides of Node's own methods. */
export function uncover(response: ServerResponse): void {
  const target = response as unknown as Record<string, unknown>;
  for (const name of WRITER_METHODS) delete target[name];
}

/** Returns whether `on` has been replaced, and may attach listeners to another object. */
export function redirectsListeners(response: ServerResponse): boolean {
  return Object.hasOwn(response, "on");
}
