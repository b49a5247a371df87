// @ts-check

const CELLS = "src/stores/memcached/django/django-cells.ts";
const FILLS = "test/integration/stores/memcached-django-fills.test.ts";
const ENTRIES = "test/integration/stores/memcached-django-entries.test.ts";
const STORE = "test/integration/stores/memcached-django-cache-store.test.ts";

/** @type {readonly import("./mutant.mjs").Mutant[]} */
export const memcachedMutants = [
  {
    name: "django-fill-stays-after-delete",
    file: CELLS,
    find: 'await this.#client.ask("md", item, [version], deadline);',
    replace: "",
    breaks: "A load that a delete has overtaken leaves nothing, for Django neither.",
    tests: [FILLS],
  },
  {
    name: "django-fill-without-lease",
    file: CELLS,
    find: "if (!isHeldBy(lease, token)) {",
    replace: "if (Number(1) < 0) {",
    breaks: "A load whose lease has ended is not stored.",
    tests: [FILLS],
  },
  {
    name: "django-fill-keeps-its-lease",
    file: CELLS,
    find: "if (!isDone(ended)) await this.#endLease(key, token, deadline);",
    replace: "",
    breaks: "A lease ends with the fill, also if a caller has begun to wait for it.",
    tests: [FILLS],
  },
  {
    name: "django-fill-read-too-early",
    file: CELLS,
    find: "if (flags & UNSETTLED_FLAG) return undefined;",
    replace: "",
    breaks: "No caller reads an entry that a delete may take back.",
    tests: [FILLS],
  },
  {
    name: "django-fill-settled-at-once",
    file: CELLS,
    find: "Math.min(life ?? UNSETTLED, UNSETTLED)",
    replace: "life",
    breaks: "A process that ends in the middle of a fill leaves its value for seconds only.",
    tests: [FILLS],
  },
  {
    name: "django-reload-after-djangos-delete",
    file: CELLS,
    find: "lease: isOver || isDeleted ? undefined : state",
    replace: "lease: isOver ? undefined : state",
    breaks: "A deletion of Django's during a reload wins.",
    tests: [FILLS],
  },
  {
    name: "django-delete-keeps-lease",
    file: CELLS,
    find: [
      "      keys.map(async (key, index) => {",
      '        const ending = this.#client.ask("md", leaseItem(key), NO_CHECK, deadline);',
    ].join("\n"),
    replace: [
      "      keys.map(async (key, index) => {",
      "        const ending = Promise.resolve(leaseItem(key));",
    ].join("\n"),
    breaks: "A delete during a load wins.",
    tests: [STORE, FILLS],
  },
  {
    name: "django-kept-end-as-a-date",
    file: CELLS,
    find: "expiration: toKeptExpiration(left, this.#clock)",
    replace: "expiration: Math.max(0, left)",
    breaks: "A counter keeps an end beyond 30 days when it goes below 0.",
    tests: [STORE],
  },
  {
    name: "django-counts-what-is-no-integer",
    file: CELLS,
    find: "const keepsFlags = isCounter && integerOf(value) !== undefined;",
    replace: "const keepsFlags = isCounter;",
    breaks: "A text that replaces a number is not stored as one.",
    tests: [STORE],
  },
  {
    name: "django-reads-bytes-as-text",
    file: CELLS,
    find: "flags === 0 && !this.#readsBytes ? undefined",
    replace: "Number(1) < 0 ? undefined",
    breaks: "Bytes of Django's are no values, and no load replaces them.",
    tests: [ENTRIES],
  },
  {
    name: "django-takes-what-it-cannot-read",
    file: "src/stores/cell-cache-store.ts",
    find: "if (cell.entry !== undefined) this.#checkValue(cell.entry.value);",
    replace: "",
    breaks: "An entry that cannot be read is not lost by a take.",
    tests: [ENTRIES],
  },
  {
    name: "django-key-by-characters",
    file: "src/stores/memcached/django/django-key.ts",
    find: "Buffer.byteLength(key) > MAX_KEY",
    replace: "key.length > MAX_KEY",
    breaks: "A key that pymemcache refuses is refused.",
    tests: ["src/stores/memcached/django/django-key.test.ts"],
  },
  {
    name: "murmur-by-units",
    file: "src/stores/memcached/client/murmur3.ts",
    find: "ASTRAL.test(text) ?",
    replace: "Number(1) < 0 ?",
    breaks: "A key with two units a character is on the server on which Django looks for it.",
    tests: ["src/stores/memcached/client/client.test.ts"],
  },
  {
    name: "django-text-not-canonical",
    file: "src/stores/memcached/django/django-value.ts",
    find: "JSON.stringify(text) !== json",
    replace: "false",
    breaks: "A text of JSON in another form comes back as it was.",
    tests: ["src/stores/memcached/django/django-value.test.ts"],
  },
  {
    name: "pylibmc-on-several-servers",
    file: "src/django/settings/memcached.ts",
    find: "return hasSeveral && names.some((name) => SPREADING.test(name))",
    replace: "return Number(1) < 0",
    breaks: "A cache whose keys pylibmc spreads over servers by ketama is kept apart.",
    tests: ["src/django/settings/memcached.test.ts"],
  },
  {
    name: "sessions-of-pickles-on-memcached",
    file: "src/django/settings/memcached.ts",
    find: 'serdeOf(options["serde"]) === "SojournSerde"',
    replace: 'serdeOf(options["serde"]) !== undefined',
    breaks: "Sessions are shared on memcached only where Django writes JSON.",
    tests: ["src/django/settings/memcached.test.ts"],
  },
];
