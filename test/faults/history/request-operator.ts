import { AsyncLocalStorage } from "node:async_hooks";
import { SessionInterrupted, type Session, type Sessions } from "sojourn";
import type { DjangoAuth } from "sojourn/django";
import type { Kind } from "./history.ts";
import { count, Operator, type OperatorOptions, type Subject, type Yield } from "./operator.ts";
import { monotonic } from "./pause-watch.ts";
import { sightOf, type VisitorData } from "./visitor-data.ts";

/** A user as `djangoAuth` knows one. */
export interface User {
  readonly id: string;
  readonly password: string;
}

export function userOf(id: string): User {
  return { id, password: `pbkdf2_sha256$1$salt$${id}` };
}

/** The application with one secret as the current one. */
export interface Site {
  readonly sessions: Sessions<VisitorData>;
  readonly auth: DjangoAuth<User>;
}

export interface RequestOperatorOptions extends OperatorOptions {
  /** The application as a request finds it. */
  readonly site: () => Site;
}

/** Operations that are saved when the response is about to leave. */
const DEFERRED: ReadonlySet<Kind> = new Set<Kind>(["set", "append", "expire", "renew"]);

/** Events of a request. */
interface Notes {
  hasLoggedIn: boolean;
  isUnconfirmed: boolean;
}

const currentRequest = new AsyncLocalStorage<Notes>();

/** For the event `login`, which a login does not emit that has joined another one. */
export function noteLogin(): void {
  const notes = currentRequest.getStore();
  if (notes) notes.hasLoggedIn = true;
}

/** For the event `touchFailed`. */
export function noteTouchFailed(): void {
  const notes = currentRequest.getStore();
  if (notes) notes.isUnconfirmed = true;
}

/** Does each operation in a request, as a server does: the response may bring the browser another cookie. */
export class RequestOperator extends Operator {
  readonly #options: RequestOperatorOptions;

  constructor(options: RequestOperatorOptions) {
    super(options);
    this.#options = options;
  }

  protected override async visit(id: string, subject: Subject): Promise<Yield> {
    const notes: Notes = { hasLoggedIn: false, isUnconfirmed: false };
    const result = await currentRequest.run(notes, () => this.#visit(id, subject, notes));
    return notes.isUnconfirmed ? { ...result, isUnconfirmed: true } : result;
  }

  async #visit(id: string, subject: Subject, notes: Notes): Promise<Yield> {
    const { hesitate, site } = this.#options;
    const { sessions, auth } = site();
    const { kind, key } = subject;
    const request = {};
    const scope = sessions.scope(request, {
      cookieHeader: key,
      isSecure: () => true,
      host: () => "shop.example",
    });
    const result: Mutable<Yield> = {};
    let status = 200;
    try {
      const session = await this.call("from", () => sessions.from(request));
      result.isStranger = session.isNew;
      if (!session.isNew) result.foundKey = session.cookieHeader;
      await hesitate?.();
      Object.assign(result, await this.#handle(id, subject, session, auth, notes));
    } catch (error) {
      status = error instanceof SessionInterrupted ? 400 : 500;
      Object.assign(result, this.failed(error));
    }
    await hesitate?.();
    result.headAt = monotonic();
    await this.#finish(kind, scope, status, result);
    result.setCookie = readSetCookie(scope.headers().setCookie);
    return result.isStranger === true ? asStranger(kind, result) : result;
  }

  async #finish(
    kind: Kind,
    scope: ReturnType<Sessions["scope"]>,
    status: number,
    result: Mutable<Yield>,
  ): Promise<void> {
    const finish = async () => scope.finish({ status, headersSent: false });
    const isAct = status === 200 && DEFERRED.has(kind);
    try {
      await (isAct ? this.act("finish", finish) : this.call("finish", finish));
    } catch (error) {
      const failure = this.failed(error);
      // An acknowledged change stays so, and the end of a request that has only read tells nothing
      // new.
      const isOwn = isAct || kind === "getUser";
      Object.assign(
        result,
        isOwn ? failure : { ending: "other", error: `${kind} failed at its end: ${String(error)}` },
      );
    }
  }

  async #handle(
    id: string,
    { kind, user = "" }: Subject,
    session: Session<VisitorData>,
    auth: DjangoAuth<User>,
    notes: Notes,
  ): Promise<Yield> {
    switch (kind) {
      case "read":
        return session.isNew ? {} : { saw: sightOf(session.data) };
      case "getUser": {
        const saw = session.isNew ? undefined : sightOf(session.data);
        await this.call(kind, () => auth.getUser(session));
        return { saw };
      }
      case "update":
        return this.ends(kind, () => session.update((newest) => count(newest, id)));
      case "logout":
        return this.ends(kind, () => session.logout());
      case "revoke":
        return session.isNew ? {} : this.revoke(session);
      case "cycleKey":
        await this.act(kind, () => session.cycleKey());
        return session.isNew ? {} : { newKey: session.cookieHeader, saw: sightOf(session.data) };
      case "login":
        return this.#login(session, user, auth, notes);
      default:
        this.write(id, kind, session);
        return {};
    }
  }

  async #login(
    session: Session<VisitorData>,
    user: string,
    auth: DjangoAuth<User>,
    notes: Notes,
  ): Promise<Yield> {
    await this.act("login", () => auth.login(session, userOf(user)));
    return { newKey: session.cookieHeader, saw: sightOf(session.data), isJoined: !notes.hasLoggedIn };
  }
}

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };

/** A stranger's request has found no session; it may have begun one. */
function asStranger(kind: Kind, result: Yield): Yield {
  if (kind === "logout" || kind === "login" || (result.ending !== undefined && result.ending !== "ok")) {
    return result.ending === "interrupted" && kind !== "login" ? { ...result, ending: "absent" } : result;
  }
  return { ...result, ending: "absent", newKey: result.setCookie === "" ? undefined : result.setCookie };
}

function readSetCookie([header]: readonly string[]): string | undefined {
  if (header === undefined) return undefined;
  return /Max-Age=0/.test(header) ? "" : header.split(";")[0];
}
