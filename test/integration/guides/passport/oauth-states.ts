import { randomBytes } from "node:crypto";
import type { Request } from "express";
import type { StateStore } from "passport-oauth2";
import type { Sessions } from "sojourn";

export interface WithOAuth {
  /** PKCE verifiers of logins that have begun, by their states. */
  oauth?: Record<string, string>;
}

/** Number of logins that a visitor may have begun at a time, in several tabs. */
const MOST = 5;

type Stored = (error: unknown, state?: string) => void;
type Verified = (error: unknown, verifier?: string | false, info?: { message: string }) => void;

/** The state store of passport-oauth2 with `pkce: true`, in Sojourn's sessions. */
export class OAuthStates {
  readonly #sessions: Sessions<WithOAuth>;

  constructor(sessions: Sessions<WithOAuth>) {
    this.#sessions = sessions;
  }

  /** Returns the store in passport-oauth2's type, which does not know the arguments of PKCE. */
  get asStore(): StateStore {
    return this as unknown as StateStore;
  }

  store(req: Request, verifier: string, _state: unknown, _meta: unknown, done: Stored): void {
    this.#begin(req, verifier).then((state) => done(null, state), done);
  }

  verify(req: Request, state: string, done: Verified): void {
    this.#take(req, state).then((verifier) => {
      if (verifier === undefined) done(null, false, { message: "This login has expired. Try again." });
      else done(null, verifier);
    }, done);
  }

  async #begin(req: Request, verifier: string): Promise<string> {
    const session = await this.#sessions.from(req);
    const state = randomBytes(24).toString("base64url");
    await session.update((data) => {
      const newest = Object.entries(data.oauth ?? {}).slice(1 - MOST);
      data.oauth = { ...Object.fromEntries(newest), [state]: verifier };
    });
    return state;
  }

  /** Each state counts once, even if two requests come with it. */
  async #take(req: Request, state: string): Promise<string | undefined> {
    const session = await this.#sessions.from(req);
    return session.update(({ oauth }) => {
      if (oauth === undefined || !Object.hasOwn(oauth, state)) return undefined;
      const verifier = oauth[state];
      delete oauth[state];
      return verifier;
    });
  }
}
