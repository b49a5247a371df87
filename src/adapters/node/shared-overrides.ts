import { ServerResponse } from "node:http";
import { methodsOf, type ResponseMethods, type ResponseWriter } from "./response-methods.ts";

/** Writer whose response has {@link SharedOverrides}. */
export interface SharedWriter extends ResponseWriter {
  destroy(args: readonly unknown[]): unknown;
}

// Called by Node itself for a head that was not written.
const IMPLICIT_HEADER = "_implicitHeader";

const NAMES = ["writeHead", "write", "end", "flushHeaders", IMPLICIT_HEADER, "destroy"] as const;

type Methods = Record<(typeof NAMES)[number], (...args: unknown[]) => unknown>;

const nativePrototype = ServerResponse.prototype as unknown as ServerResponse & Methods;

/** Node's own methods. */
const native: ResponseMethods = methodsOf(nativePrototype);

/**
 * Overrides that a framework's responses inherit, set once for the framework.
 *
 * Express gives each response another prototype. From then on V8 shares no shape between responses,
 * and each property that is added takes 1.7 us (Node.js 20), so that six methods would take as long
 * as the rest of a request's session. They are therefore added to the prototype that Express puts
 * over Node's, where they pass on each call of a response without a writer.
 */
export class SharedOverrides<Writer extends SharedWriter> {
  readonly #key: symbol;
  readonly #methods: Methods;
  readonly #prototypes = new WeakSet<object>();

  /** @param name Shown where a response is inspected. */
  constructor(name: string) {
    this.#key = Symbol(name);
    this.#methods = methodsFor(this.#key);
  }

  /**
   * Sets the writer of a response, if it inherits the overrides.
   *
   * @returns Node's own methods, which are beneath; `undefined` for a response whose methods others
   *   have replaced, or that comes from Node itself.
   */
  set(response: ServerResponse, writer: Writer): ResponseMethods | undefined {
    if (Object.getPrototypeOf(response) === nativePrototype) return undefined;
    if (!this.#areInherited(response) && !this.#share(response)) return undefined;
    this.#responseOf(response)[this.#key] = writer;
    return native;
  }

  /** Returns the writer of a response; `undefined` if none was set. */
  get(response: ServerResponse): Writer | undefined {
    return this.#responseOf(response)[this.#key];
  }

  /** Removes the writer of a response. */
  remove(response: ServerResponse): void {
    if (this.get(response) !== undefined) this.#responseOf(response)[this.#key] = undefined;
  }

  /** Returns the methods of a response that gets overrides of its own: these pass on to Node's. */
  beneath(response: ServerResponse): ResponseMethods {
    const methods: Record<string, unknown> = { ...methodsOf(response) };
    for (const name of NAMES)
      if (methods[name] === this.#methods[name]) methods[name] = nativePrototype[name];
    return methods as unknown as ResponseMethods;
  }

  #areInherited(response: ServerResponse): boolean {
    const methods = this.#methods;
    const current = response as unknown as Methods;
    // Spelt out: a loop over the names takes five times as long.
    return (
      current.writeHead === methods.writeHead &&
      current.write === methods.write &&
      current.end === methods.end &&
      current.flushHeaders === methods.flushHeaders &&
      current[IMPLICIT_HEADER] === methods[IMPLICIT_HEADER] &&
      current.destroy === methods.destroy
    );
  }

  /** Adds the overrides to the prototype that is next to Node's, once. @returns Whether they count. */
  #share(response: ServerResponse): boolean {
    const prototype = nextToNative(response);
    if (prototype === undefined || this.#prototypes.has(prototype)) return false;
    this.#prototypes.add(prototype);
    if (!Object.isExtensible(prototype)) return false;
    for (const name of NAMES) {
      if (Object.hasOwn(prototype, name)) continue;
      const value = this.#methods[name];
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
    }
    return this.#areInherited(response);
  }

  #responseOf(response: ServerResponse): Record<symbol, Writer | undefined> {
    return response as unknown as Record<symbol, Writer | undefined>;
  }
}

/** Returns the prototype of a response that inherits from Node's directly. */
function nextToNative(response: ServerResponse): object | undefined {
  let each = Object.getPrototypeOf(response) as object | null;
  while (each !== null) {
    const next = Object.getPrototypeOf(each) as object | null;
    if (next === nativePrototype) return each;
    each = next;
  }
  return undefined;
}

function methodsFor(key: symbol): Methods {
  type Response = Methods & Record<symbol, SharedWriter | undefined>;
  return {
    writeHead(this: Response, ...args: unknown[]): unknown {
      const writer = this[key];
      return writer ? writer.writeHead(args) : nativePrototype.writeHead.apply(this, args as never);
    },
    write(this: Response, ...args: unknown[]): unknown {
      const writer = this[key];
      return writer ? writer.write(args) : nativePrototype.write.apply(this, args as never);
    },
    end(this: Response, ...args: unknown[]): unknown {
      const writer = this[key];
      return writer ? writer.end(args) : nativePrototype.end.apply(this, args as never);
    },
    flushHeaders(this: Response): unknown {
      const writer = this[key];
      return writer ? writer.flushHeaders() : nativePrototype.flushHeaders.call(this as never);
    },
    [IMPLICIT_HEADER](this: Response): unknown {
      const writer = this[key];
      return writer ? writer.implicitHead() : nativePrototype[IMPLICIT_HEADER].call(this);
    },
    destroy(this: Response, ...args: unknown[]): unknown {
      const writer = this[key];
      return writer ? writer.destroy(args) : nativePrototype.destroy.apply(this as never, args as never);
    },
  };
}
