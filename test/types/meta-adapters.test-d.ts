import { H3 } from "h3";
import { createSojourn, type Session } from "sojourn";
import { h3Sessions, type WithSession } from "sojourn/adapters/h3";
import { describe, expectTypeOf, test } from "vitest";

interface Data {
  views?: number;
}

const { sessions } = createSojourn<Data>({ projectName: "myproject", secretKey: "a secret of the types" });

describe("h3Sessions", () => {
  test("fits app.use, and lets handlers see the application's own data", () => {
    const app = new H3();
    app.use(h3Sessions(sessions));
    app.use("/shop/**", h3Sessions(sessions));
    app.get("/", (event) => {
      expectTypeOf(sessions.from(event)).resolves.toEqualTypeOf<Session<Data>>();
      return "page";
    });
  });

  test("types the context of `eager`, without global augmentation", () => {
    const app = new H3();
    app.use(h3Sessions(sessions, { eager: true }));
    app.get("/", (event) => {
      const { session } = (event as WithSession<typeof event, Data>).context;
      expectTypeOf(session).toEqualTypeOf<Session<Data>>();
      return "page";
    });
  });

  test("refuses options that it does not have", () => {
    // @ts-expect-error a misspelt option
    expectTypeOf(h3Sessions(sessions, { eagre: true })).toBeFunction();
  });
});
