import { types } from "node:util";

/**
 * Values linked to objects, as in a WeakMap.
 *
 * An entry of a WeakMap costs the garbage collector several times as much as a property: with one
 * entry a request, it takes an eighth of a session's processor time. A value is therefore in a
 * private field that is added to the object, invisible to all other code.
 */
export interface ObjectLinks<Value> {
  /** Returns the value of an object; `undefined` for one without, and for anything else. */
  get(object: unknown): Value | undefined;
  /** Sets the value of an object. */
  set(object: object, value: Value): void;
}

/** Returns the given object from a constructor, so that a subclass adds its fields to that. */
const Given = function given(object: object): object {
  return object;
} as unknown as new (object: object) => object;

export function makeObjectLinks<Value>(): ObjectLinks<Value> {
  // Objects that cannot be extended get no field: ECMAScript is about to refuse it.
  const others = new WeakMap<object, Value>();

  class Link extends Given {
    #value: Value;

    constructor(object: object, value: Value) {
      super(object);
      this.#value = value;
    }

    static get(object: unknown): Value | undefined {
      if (!isObject(object)) return undefined;
      return #value in object ? object.#value : others.get(object);
    }

    static set(object: object, value: Value): void {
      if (#value in object) object.#value = value;
      else if (!Object.isExtensible(object)) others.set(object, value);
      // oxlint-disable-next-line no-new -- the constructor adds the field to the given object
      else new Link(object, value);
    }
  }

  return Link;
}

/** Requests that other objects stand for. */
const REPRESENTED: ObjectLinks<object> = makeObjectLinks();

/**
 * Lets an object stand for a request: a context of a framework, or a web request for the request of
 * Node that it was made of. Both then have the same values.
 */
export function letStandFor(representative: object, request: object): void {
  const target = linkTargetOf(request);
  if (target !== representative) REPRESENTED.set(representative, target);
}

/** An event of h3 2. */
interface Event {
  readonly req: Request;
}

/** The requests for which events of h3 2 stand. */
const REQUESTS: ObjectLinks<Request> = makeObjectLinks();

/** Lets an event of h3 2 stand for its request, until the event is given a copy: see {@link isCopyOfRequest}. */
export function letEventStandForRequest(event: Event): void {
  REQUESTS.set(event, event.req);
  letStandFor(event, event.req);
}

/**
 * Returns whether an event of h3 2 was given another request to read. h3 itself gives it proxies, which have the headers
 * of their request. A cache gives it a copy, for the methods whose responses it keeps.
 */
function hasOtherRequest(event: object): boolean {
  const request = REQUESTS.get(event);
  const { req } = event as Event;
  if (request === undefined || req === request) return false;
  return req.headers !== request.headers && /^(?:GET|HEAD)$/.test(req.method);
}

function representedBy(representative: object): object | undefined {
  const target = REPRESENTED.get(representative);
  return target !== undefined && hasOtherRequest(representative) ? undefined : target;
}

/**
 * Returns the object to link the values of a request to: its stream state if it has one, which no
 * code replaces. The request or context of a framework stands for the Node request within: `raw` in
 * Fastify, `req` beside `res` in Koa, `request` in SvelteKit. See {@link letStandFor} for others.
 *
 * Express gives each request and response another prototype. From then on V8 shares no shape
 * between them, and a field that is added takes 4 to 9 us with its share of garbage collection
 * (Node.js 20); on the state it takes less than 1 us.
 */
export function linkTargetOf<Request>(request: Request): Request | object {
  if (!isObject(request)) return request;
  return (
    stateOf(request) ?? representedBy(request) ?? stateWithin(request) ?? targetWithin(request) ?? request
  );
}

/**
 * Returns whether an object is a copy that stands for no request: a proxy of one, or an event of h3 1
 * around it. Nitro 2 makes both for a handler whose response it caches for all visitors. Nitro 3 and h3 2 give such a
 * handler the event itself, with a copy of its request.
 */
export function isCopyOfRequest(given: unknown): boolean {
  if (!isObject(given)) return false;
  if (hasOtherRequest(given)) return true;
  return types.isProxy(given) || types.isProxy((given as Wrapper).node?.req);
}

/**
 * SvelteKit copies its events, which have the web request within. The arguments of React Router have
 * a copy of it, beside the context of the first.
 */
function targetWithin({ request, context }: Wrapper): object | undefined {
  if (!(request instanceof Request)) return undefined;
  return REPRESENTED.get(context) ?? REPRESENTED.get(request) ?? request;
}

/** Returns the stream state of a request. Through a proxy, it would make a copy stand for its original. */
function stateOf(request: object): object | undefined {
  const { _readableState: state } = request as Wrapper;
  return isObject(state) && !types.isProxy(request) ? state : undefined;
}

interface Wrapper {
  readonly _readableState?: unknown;
  readonly raw?: unknown;
  readonly req?: unknown;
  readonly res?: unknown;
  readonly request?: unknown;
  readonly context?: unknown;
  readonly node?: { readonly req?: unknown } | undefined;
}

function stateWithin(wrapper: Wrapper): object | undefined {
  const inner = wrapper.raw ?? wrapper.req;
  if (!isObject(inner)) return undefined;
  const state = stateOf(inner);
  if (state === undefined) return undefined;
  // A response of Node has `req` alone, and is no request. Hono's context makes its `res` when that
  // is read, so that it is not asked before.
  return wrapper.raw === undefined && wrapper.res === undefined ? undefined : state;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
