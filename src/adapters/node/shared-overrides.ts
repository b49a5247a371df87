import { ServerResponse } from "node:http";
import { types } from "node:util";
import { linkTargetOf, makeObjectLinks, type ObjectLinks } from "../../core/object-links.ts";
import { methodsOf, type ResponseMethods, type ResponseWriter } from "./response-methods.ts";

/** Writer whose response has {@link SharedOverrides}. */
export interface SharedWriter extends ResponseWriter {
  readonly response: ServerResponse;
  /** Whether the response looks ended, though nothing of it is written. */
  readonly isShownEnded: boolean;
  destroy(args: readonly unknown[]): unknown;
}

// Called by Node itself for a head that was not written.
const IMPLICIT_HEADER = "_implicitHeader";

// Node derives it from `finished`, which is set while an end waits.
const FINISHED = "writableFinished";

const NAMES = ["writeHead", "write", "end", "flushHeaders", IMPLICIT_HEADER, "destroy"] as const;

type Methods = Record<(typeof NAMES)[number], (...args: unknown[]) => unknown>;

const nativePrototype = ServerResponse.prototype as unknown as ServerResponse & Methods;

/** Node's own methods. */
const native: ResponseMethods = methodsOf(nativePrototype);

/**
 * Overrides that a framework's responses inherit, set once for the framework.
 *
 * Express gives each response another prototype. From then on V8 shares no shape between responses,
 * and each property that is added takes 4 us with its share of garbage collection (Node.js 20), so
 * that six methods would take as long as the rest of a request's session. They are therefore added
 * to the prototype that Express puts over Node's, where they pass on each call of a response without
 * a writer. The writer is linked to the request of the response, for the same reason.
 */
export class SharedOverrides<Writer extends SharedWriter> {
  readonly #writers: ObjectLinks<Writer | undefined> = makeObjectLinks();
  readonly #methods: Methods = methodsFor((response) => this.get(response));
  readonly #finished = finishedFor((response) => this.get(response));
  readonly #prototypes = new WeakSet<object>();

  /**
   * Sets the writer of a response, if it inherits the overrides.
   *
   * @returns Node's own methods, which are beneath; `undefined` for a response whose methods others
   *   have replaced, or that comes from Node itself.
   */
  set(response: ServerResponse, writer: Writer): ResponseMethods | undefined {
    if (Object.getPrototypeOf(response) === nativePrototype) return undefined;
    if (!this.#areInherited(response) && !this.#share(response)) return undefined;
    const target = linkTargetOf(response.req as unknown);
    // A response that was made by hand has no request, or that of another response.
    if (typeof target !== "object" || target === null || this.#writers.get(target)) return undefined;
    this.#writers.set(target, writer);
    return native;
  }

  /** Returns the writer of a response; `undefined` if none was set. */
  get(response: ServerResponse): Writer | undefined {
    const writer = this.#writers.get(linkTargetOf(response.req as unknown));
    return writer === undefined || writer.response === response || isWrapper(response) ? writer : undefined;
  }

  /** Removes the writer of a response. */
  remove(response: ServerResponse): void {
    if (this.get(response) !== undefined) this.#writers.set(linkTargetOf(response.req), undefined);
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
    if (!Object.isExtensible(prototype) || Object.hasOwn(prototype, FINISHED)) return false;
    for (const name of NAMES) {
      if (Object.hasOwn(prototype, name)) continue;
      const value = this.#methods[name];
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
    }
    Object.defineProperty(prototype, FINISHED, this.#finished);
    return this.#areInherited(response);
  }
}

/** Returns whether an object stands for a response: inherits from it, or is a proxy of it. */
function isWrapper(response: ServerResponse): boolean {
  return !Object.hasOwn(response, "req") || types.isProxy(response);
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

type WriterOf = (response: ServerResponse) => SharedWriter | undefined;

function methodsFor(writerOf: WriterOf): Methods {
  return {
    writeHead(this: ServerResponse, ...args: unknown[]): unknown {
      const writer = writerOf(this);
      return writer ? writer.writeHead(args) : nativePrototype.writeHead.apply(this, args as never);
    },
    write(this: ServerResponse, ...args: unknown[]): unknown {
      const writer = writerOf(this);
      return writer ? writer.write(args) : nativePrototype.write.apply(this, args as never);
    },
    end(this: ServerResponse, ...args: unknown[]): unknown {
      const writer = writerOf(this);
      return writer ? writer.end(args) : nativePrototype.end.apply(this, args as never);
    },
    flushHeaders(this: ServerResponse): unknown {
      const writer = writerOf(this);
      return writer ? writer.flushHeaders() : nativePrototype.flushHeaders.call(this);
    },
    [IMPLICIT_HEADER](this: ServerResponse): unknown {
      const writer = writerOf(this);
      return writer ? writer.implicitHead() : nativePrototype[IMPLICIT_HEADER].call(this);
    },
    destroy(this: ServerResponse, ...args: unknown[]): unknown {
      const writer = writerOf(this);
      return writer ? writer.destroy(args) : nativePrototype.destroy.apply(this, args as never);
    },
  };
}

function finishedFor(writerOf: WriterOf): PropertyDescriptor & ThisType<ServerResponse> {
  return {
    get() {
      if (writerOf(this)?.isShownEnded === true) return false;
      return Reflect.get(nativePrototype, FINISHED, this);
    },
    configurable: true,
  };
}
