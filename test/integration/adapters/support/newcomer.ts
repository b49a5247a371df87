import type { Request, RequestHandler, Response } from "express";
import { createSojourn, isSojournError, type Session, type Sojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { expect } from "vitest";

// The files newcomers-*.test.ts make mistakes in JavaScript or past the types: each gets an error of
// Sojourn's that says what came and what was expected, or a warning. A call that is right succeeds.

export const BASE = { projectName: "shop", secretKey: "a secret of the tests, long enough" };

export type Anything = Record<string, unknown>;

/** Settings, past the types. */
export const start = (settings: unknown) => (): unknown => createSojourn(settings as never);
export const withSettings = (settings: Anything) => start({ ...BASE, ...settings });
export const withSessions = (sessions: Anything) => withSettings({ sessions });
export const withCookie = (cookie: Anything) => withSessions({ cookie });

export const inMemory = (): Sojourn<Anything, "default"> =>
  createSojourn.withData<Anything>()({
    ...BASE,
    sessions: { store: memorySessionStore(), cookie: { secure: false } },
    caches: { default: { store: memoryCacheStore() } },
  });

export class MyStore {
  readonly name = "mine";
}

export function expectTold(error: unknown, message: string): void {
  expect(isSojournError(error), String(error)).toBe(true);
  expect((error as Error).message).toContain(message);
  expect((error as Error).message).not.toMatch(/\ba undefined|\ba object|\ba array|\[object/);
}

export async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

export function signedCookies() {
  const store = cookieSessionStore({ acceptsLostUpdates: true });
  return createSojourn({ ...BASE, sessions: { store } }).sessions;
}

export function withSession(use: (session: Session<Anything>) => unknown) {
  return async ({ sessions }: Sojourn<Anything, "default">): Promise<unknown> =>
    use(await sessions.create({ a: 1 }));
}

export function login(userId: unknown) {
  return withSession((session) => session.login(userId as never));
}

export async function write(session: Session<Anything>, data: Anything): Promise<void> {
  Object.assign(session.data, data);
  await session.save();
}

export interface Foreign {
  readonly cookie: { maxAge: number };
  destroy(callback: () => void): void;
  regenerate(callback: () => void): void;
}

export function foreign(session: Session<Anything>): Foreign {
  return session as unknown as Foreign;
}

export function unawaited(use: (session: Session<Anything>) => unknown) {
  return ({ sessions }: Sojourn<Anything, "default">): RequestHandler[] => [
    expressSessions(sessions),
    (request: Request, response: Response) => {
      use(sessions.from(request) as unknown as Session<Anything>);
      response.send("never");
    },
  ];
}

export function eager(use: (session: Session<Anything>) => unknown) {
  return ({ sessions }: Sojourn<Anything, "default">): RequestHandler[] => [
    expressSessions(sessions, { eager: true }),
    (request: Request, response: Response) => {
      use((request as unknown as { session: Session<Anything> }).session);
      response.send("never");
    },
  ];
}
