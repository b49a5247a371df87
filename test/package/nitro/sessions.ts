// Part of the applications of nitro.test.ts.
import { createSojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";

interface Data {
  views?: number;
}

const store = memorySessionStore();

/** Sessions whose saves fail while `isDown`. */
export const state = { isDown: false };

export const { sessions } = createSojourn<Data>({
  projectName: "nitro",
  secretKey: "a secret that is only for this test",
  sessions: {
    cookie: { secure: "auto" },
    store: (context) => {
      const made = store(context);
      const { create, commit } = made;
      const refuse = <Method extends (...given: never[]) => unknown>(method: Method): Method =>
        ((...given) => {
          if (state.isDown) throw new Error("The store is down, as the test asked.");
          return method.apply(made, given);
        }) as Method;
      return Object.assign(made, { create: refuse(create), commit: refuse(commit) });
    },
  },
});
