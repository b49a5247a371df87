import { createSojourn, type Sessions } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { onTestFinished } from "vitest";
import { faultySessionStore } from "../../../../src/testing/index.ts";

export interface TestData {
  [key: string]: unknown;
  n?: number;
}

/** Real sessions in memory, whose writes fail while `isDown`. */
export interface Failable {
  readonly sessions: Sessions<TestData>;
  isDown: boolean;
}

export function openSessions(cookie: { readonly sameSite?: "lax" | "strict" | "none" } = {}): Failable {
  const state = { isDown: false };
  const { sessions, close } = createSojourn<TestData>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    sessions: {
      store: (context) =>
        faultySessionStore(memorySessionStore()(context), ({ method }) =>
          state.isDown && method !== "read" ? { fail: "not-sent" } : undefined,
        ),
      cookie: { secure: false, ...cookie, ...(cookie.sameSite === "none" && { secure: true }) },
    },
  });
  onTestFinished(close);
  return Object.assign(state, { sessions });
}
