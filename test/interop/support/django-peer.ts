import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe } from "vitest";
import { inProject, isCi } from "../../../scripts/lib/project.mjs";
import { prepareDjango } from "./virtual-environment.ts";

/** Which secrets one side signs and verifies with. */
export interface SiteSecrets {
  readonly secret?: string;
  readonly fallbacks?: readonly string[];
}

/** The secret with which both sides sign unless a test says otherwise. */
export const SECRET = "a secret of the tests, long enough";

/** A key and its value, in the notation of `describe-value.ts`. */
export type DescribedMember = readonly [key: string, value: string];

/** A random session of Python's. */
export interface MadeSession {
  readonly record: string;
  /** Its members as they stand in the record, without space after the key. */
  readonly slices: readonly string[];
  readonly members: readonly DescribedMember[];
  readonly asJavaScript: string;
  /** Names of `KINDS` in `peer/random_sessions.py`. */
  readonly kinds: readonly string[];
}

/** The settings of Django's file engine. */
interface FileEngine {
  readonly path: string;
  readonly prefix: string;
}

/** A user of the Django site. */
interface PeerUser {
  readonly id: number;
  readonly password: string;
  readonly isActive?: boolean;
}

/** The session as an operation has left it. */
interface PeerSession {
  /** `null`: it is not stored any more. */
  readonly record: string | null;
  readonly hasNewKey: boolean;
  readonly isOldGone: boolean;
}

/** A message as Django's templates see it. */
interface PeerMessage {
  readonly level: number;
  readonly message: string;
  readonly extraTags: string | null;
  readonly levelTag: string;
  readonly tags: string;
  readonly isSafe: boolean;
}

/** The operations of `peer/main.py`: their arguments and their results. */
interface Operations {
  readonly decode: [
    { record: string; frames?: number },
    { members: DescribedMember[]; complaints: string[] },
  ];
  readonly decodeEntry: [{ record: string }, { members: DescribedMember[]; complaints: string[] }];
  readonly make: [{ seed: number; index: number }, MadeSession];
  readonly makeEntry: [{ seed: number; index: number }, MadeSession];
  readonly makeWithDuplicates: [object, { record: string; members: DescribedMember[] }];
  readonly payload: [{ record: string }, string];
  readonly expiry: [{ record: string; now: number }, { age: number; withBrowser: boolean; date: number }];
  readonly withExpiry: [{ seconds?: number; at?: number }, string];
  readonly vectors: [object, string[]];
  readonly loads: [{ signed: string; salt: string }, boolean];
  readonly base62: [{ integers: number[] }, string[]];
  readonly login: [{ user: number; password: string }, string];
  readonly currentUser: [
    { record: string; user: number; password: string },
    { user: string | null; hasNewKey: boolean; members: DescribedMember[] },
  ];
  readonly redisWrite: [
    { url: string; project: string; key: string; changes: readonly (readonly [string, unknown])[] },
    null,
  ];
  readonly redisRead: [
    { url: string; project: string; key: string },
    { members: DescribedMember[] | null; ttl: number },
  ];
  readonly cookieSave: [{ cookie: string | null; changes: readonly (readonly [string, unknown])[] }, string];
  readonly cookieLoad: [{ cookie: string }, DescribedMember[] | null];
  readonly fileSave: [
    FileEngine & { key: string | null; changes: readonly (readonly [string, unknown])[] },
    string,
  ];
  readonly fileLoad: [
    FileEngine & { key: string },
    { members: DescribedMember[] | null; endsAt: number | null },
  ];
  readonly fileDelete: [FileEngine & { key: string }, null];
  readonly fileClear: [FileEngine, null];
  readonly authGetUser: [
    { record: string; users: readonly PeerUser[]; backends: readonly string[] },
    PeerSession & { user: string | null },
  ];
  readonly authLogin: [{ record: string | null; user: PeerUser }, PeerSession];
  readonly authLogout: [{ record: string }, PeerSession];
  readonly authUpdateHash: [{ record: string; visitor: number | null; changed: PeerUser }, PeerSession];
  readonly csrfToken: [{ record: string | null }, PeerSession & { token: string }];
  readonly csrfIsAccepted: [{ record: string; token: string; header: boolean }, boolean];
  readonly csrfLogin: [{ record: string; user: number; password: string }, PeerSession];
  readonly csrfRotate: [{ record: string }, PeerSession];
  readonly messagesAdd: [
    { record: string | null; messages: readonly (readonly [number, string, string | null, boolean])[] },
    PeerSession,
  ];
  readonly messagesTake: [{ record: string }, PeerSession & { messages: readonly PeerMessage[] }];
  readonly messagesNested: [{ record: string | null }, PeerSession];
  readonly compress: [{ library: "lz4" | "lzma" | "snappy"; text: string }, string];
  readonly decompress: [{ library: "lz4" | "lzma" | "snappy"; compressed: string }, string];
  readonly messagesText: [{ record: string }, { stored: unknown; again: unknown }];
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process with a real Django in it, which answers one operation after the other. */
export class DjangoPeer {
  readonly #process: ChildProcess;
  readonly #requests: Writable;
  readonly #waiting: Waiting[] = [];
  #errors = "";

  constructor(python: string) {
    // -B: no __pycache__ among the tests.
    const args = ["-B", "-X", "utf8", inProject("test", "interop", "peer", "main.py")];
    const child = spawn(python, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    this.#requests = child.stdin;
    child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    child.stdin.on("error", () => {});
    child.on("error", (error) => this.#rejectAll(error));
    child.on("close", () => this.#rejectAll(new Error(`The Django process ended.\n${this.#errors}`)));
    this.#listen(child.stdout);
  }

  /** Has Django do something, under the secrets of its site. */
  call<Name extends keyof Operations>(
    operation: Name,
    { secret = SECRET, fallbacks = [], ...rest }: Operations[Name][0] & SiteSecrets,
  ): Promise<Operations[Name][1]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: (result) => resolve(result as Operations[Name][1]), reject });
      this.#requests.write(`${JSON.stringify({ operation, secret, fallbacks, ...rest })}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#requests.end();
    await once(this.#process, "close");
  }

  #listen(responses: Readable): void {
    createInterface({ input: responses }).on("line", (line) => {
      const waiting = this.#waiting.shift();
      const response = JSON.parse(line) as { result: unknown } | { error: string };
      if ("error" in response) waiting?.reject(new Error(response.error));
      else waiting?.resolve(response.result);
    });
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

const environment = await prepareDjango();

/**
 * `describe` for tests that need Django, with a process of their own. Where Django cannot be had they are
 * skipped, but fail in CI: there a test that did not run must not look like one that passed.
 *
 * @param define Is given a function that returns the process, for use inside of tests.
 */
export function describeWithDjango(title: string, define: (django: () => DjangoPeer) => void): void {
  if ("obstacle" in environment) {
    if (isCi) throw new Error(`Django cannot be had: ${environment.obstacle}`);
    describe.skip(`${title} (skipped: Django cannot be had: ${environment.obstacle})`, () => define(missing));
    return;
  }
  const { python } = environment;
  describe(title, () => {
    let peer: DjangoPeer | undefined;
    beforeAll(() => void (peer = new DjangoPeer(python)));
    afterAll(() => peer?.stop());
    define(() => peer ?? missing());
  });
}

function missing(): never {
  throw new Error("There is no Django process outside of a test.");
}
