import type { SessionSource } from "../../../../src/adapters/node/types.ts";
import type { Session } from "../../../../src/session/session.ts";
import type {
  HeaderEdits,
  RequestInfo,
  ResponseStart,
  SessionScope,
} from "../../../../src/session/http/request-contract.ts";

/** A promise that a test settles, so that nothing here waits for a clock. */
export interface Deferred<Value = void> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export function defer<Value = void>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

type Save = (start: ResponseStart) => Promise<void> | undefined;

/** The session of one request, whose saves are the test's. */
export class StubScope implements SessionScope {
  readonly facts: RequestInfo;
  /** The arguments of `finish`, in the order of its calls. */
  readonly finishes: Pick<ResponseStart, "status" | "headersSent">[] = [];
  /** Whether the client had left, at each of them. */
  readonly wasClientGone: (boolean | undefined)[] = [];
  /** How often the response was said to be over. */
  overs = 0;
  isUsed = false;
  setCookie: string[] = [];
  /** Called when the headers are made. */
  makeHeaders: () => void = () => {};
  readonly #save: Save;

  constructor(facts: RequestInfo, save: Save) {
    this.facts = facts;
    this.#save = save;
  }

  finish(start: ResponseStart): Promise<void> | undefined {
    const { isClientGone, ...rest } = start;
    this.finishes.push(rest);
    this.wasClientGone.push(isClientGone);
    return this.#save(start);
  }

  noteResponseOver(): void {
    this.overs++;
  }

  headers(): HeaderEdits {
    this.makeHeaders();
    return { setCookie: this.setCookie, varyCookie: this.isUsed };
  }
}

/** Sessions whose every save is what a test says it is. */
export class StubSessions implements SessionSource<object> {
  readonly scopes: StubScope[] = [];
  /** The work of `finish` in the requests that come. */
  save: Save = () => undefined;
  /** The work of `from` before it resolves. */
  load: () => Promise<void> = () => Promise.resolve();
  /** Called when the headers of a session are made. */
  makeHeaders: () => void = () => {};
  /** Cookies that the sessions of the requests that come have to set. */
  setCookie: string[] = ["sessionid=new; Path=/; HttpOnly"];
  readonly #byRequest = new WeakMap<object, StubScope>();

  scope(request: object, facts: RequestInfo): SessionScope {
    const known = this.#byRequest.get(request);
    if (known) return known;
    const scope = new StubScope(facts, (start) => this.save(start));
    scope.setCookie = this.setCookie;
    scope.makeHeaders = () => this.makeHeaders();
    this.#byRequest.set(request, scope);
    this.scopes.push(scope);
    return scope;
  }

  /** Uses the session from now on, as handlers do. */
  async from(request: object): Promise<Session<object>> {
    const scope = this.#byRequest.get(request);
    if (!scope) throw new Error("no adapter has seen this request");
    scope.isUsed = true;
    await this.load();
    return { marker: "session" } as unknown as Session<object>;
  }

  /** `from` without waiting, for handlers that answer in the same tick. */
  use(request: object): StubScope {
    const scope = this.#byRequest.get(request);
    if (!scope) throw new Error("no adapter has seen this request");
    scope.isUsed = true;
    return scope;
  }

  /** Makes the next saves wait. @returns What ends the waiting. */
  holdSaves(): Deferred {
    const saving = defer();
    this.save = ({ headersSent }) => (headersSent ? undefined : saving.promise);
    return saving;
  }

  get last(): StubScope {
    const scope = this.scopes.at(-1);
    if (!scope) throw new Error("no request has come yet");
    return scope;
  }
}

/** An error with a status, as Sojourn's own have. */
export function saveError(statusCode?: number): Error {
  return Object.assign(
    new Error("the store is down: secret detail"),
    statusCode === undefined ? {} : { statusCode },
  );
}
