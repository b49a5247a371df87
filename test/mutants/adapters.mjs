// @ts-check

/** @type {readonly import("./mutant.mjs").Mutant[]} */
export const adapterMutants = [
  {
    name: "responses-not-varied",
    file: "src/adapters/node/response-head.ts",
    find: "if (varyCookie) varyByCookie(response);",
    replace: "",
    breaks: "A cache does not give the page of one visitor to another.",
    tests: ["test/integration/adapters/node.test.ts", "test/integration/adapters/express.test.ts"],
  },
  {
    name: "errors-keep-content-length",
    file: "src/adapters/node/response-head.ts",
    find: ['  "content-length",', ""].join("\n"),
    replace: "",
    breaks: "An error response has its own length.",
    tests: ["test/integration/adapters/failed-save.test.ts"],
  },
  {
    name: "second-session-not-awaited",
    file: "src/adapters/node/response-hooks.ts",
    find: "return rest.length === 0 ? pending : pending.then(() => this.#finish(start, rest));",
    replace: "return pending;",
    breaks: "The response waits for each session that it has used.",
    tests: ["test/integration/adapters/two-kinds-of-sessions.test.ts"],
  },
  {
    name: "drain-never-comes",
    file: "src/adapters/node/response-hold.ts",
    find: "if (this.#held.owesDrain && isAccepted && !this.#response.writableEnded) this.#emitDrain();",
    replace: "",
    breaks: "A stream that waited for drain goes on after the save.",
    tests: ["test/integration/adapters/streams.test.ts"],
  },
  {
    name: "held-writes-without-limit",
    file: "src/adapters/node/held-calls.ts",
    find: "const isFull = this.#bytes >= limit;",
    replace: "const isFull = this.#bytes < 0 && limit < 0;",
    breaks: "A stream pauses while the session is saved.",
    tests: ["test/integration/adapters/streams.test.ts", "test/integration/adapters/response-hold.test.ts"],
  },
  {
    name: "forwarded-from-the-last-proxy",
    file: "src/adapters/node/request-info.ts",
    find: 'join(",").split(",")[0]?.trim();',
    replace: 'join(",").split(",").at(-1)?.trim();',
    breaks: "Behind two proxies the visitor's own protocol counts.",
    tests: ["test/integration/adapters/node.test.ts", "test/integration/adapters/plain-http.test.ts"],
  },
];
