import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithRedis, RedisServer } from "../../../test/support/redis-server.ts";
import { users } from "../users.ts";
import { LOGIN_FAILED } from "../views/parts.ts";
import { ShopBrowser } from "./browser.ts";
import type { ExampleEnvironment, StartedExample } from "./start-example.ts";

export interface DrivenShop {
  /** Title of the tests. */
  readonly name: string;
  /** Starts the shop with this environment. Called once for each store. */
  readonly start: (env: ExampleEnvironment) => Promise<StartedExample>;
}

const [mira] = users as [(typeof users)[number], ...typeof users];
const ADDITIONS = 10;
const PHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1";

/** Starts a shop, and visits it as the README of `examples/shared` describes: in memory and in Redis. */
export function driveShop({ name, start }: DrivenShop): void {
  const env = { SECRET_KEY: "a secret for the tests of the examples" };
  describe(`the shop of ${name}, sessions in memory`, () => {
    visit(() => start(env));
  });
  describeWithRedis(`the shop of ${name}, sessions in Redis`, () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await RedisServer.start();
    });
    afterAll(() => redis.stop());
    const shop = visit(() => start({ ...env, REDIS_URL: redis.url }));
    watchRedis(shop, () => redis);
  });
}

/** Adds the tests that hold on every store. @returns A function that returns the started shop. */
function visit(start: () => Promise<StartedExample>): () => StartedExample {
  let shop: StartedExample;
  beforeAll(async () => {
    shop = await start();
  });
  afterAll(() => shop.stop());
  const enter = (userAgent?: string): ShopBrowser => new ShopBrowser(shop.url, userAgent);
  test("a visitor who only looks around gets no cookie", async () => {
    const visitor = enter();
    for (const path of ["/", "/cart", "/login", "/account", "/about"]) {
      const { status, response } = await visitor.open(path);
      expect({ path, status, cookies: response.headers.getSetCookie() }).toEqual({
        path,
        status: 200,
        cookies: [],
      });
    }
  });

  test("pages have their style sheet", async () => {
    const visitor = enter();
    const { status, response } = await visitor.open((await visitor.open("/")).linkTo("stylesheet"));
    expect([status, response.headers.get("content-type")]).toEqual([
      200,
      expect.stringContaining("text/css"),
    ]);
  });

  test("a wrong password is told, and logs nobody in", async () => {
    const visitor = enter();
    const page = await visitor.logIn(mira.login, "not this one");
    expect(page.textOf("login-error")).toBe(LOGIN_FAILED);
    expect((await visitor.open("/account")).textOf("user")).toBeUndefined();
  });

  test("a login changes the key, keeps the cart, and makes the old key worthless", async () => {
    const visitor = enter();
    await add(visitor, "mug");
    const before = visitor.key ?? "";
    expect((await visitor.logIn(mira.login, mira.demoPassword)).path).toBe("/account");
    expect(visitor.key).not.toBe(before);
    expect((await visitor.open("/account")).textOf("user")).toBe(mira.name);
    expect((await visitor.open("/cart")).textOf("quantity-mug")).toBe("1");
    const thief = enter();
    thief.key = before;
    expect((await thief.open("/account")).textOf("user")).toBeUndefined();
  });

  test("two tabs fill the cart at once, and nothing is lost", async () => {
    const visitor = enter();
    await add(visitor, "lamp");
    const [one, other] = await Promise.all([visitor.open("/"), visitor.open("/")]);
    await Promise.all(
      Array.from({ length: ADDITIONS }, (_, index) =>
        visitor.press(index % 2 === 0 ? one : other, index % 2 === 0 ? "add-mug" : "add-notebook"),
      ),
    );
    const cart = await visitor.open("/cart");
    expect(["lamp", "mug", "notebook"].map((id) => cart.textOf(`quantity-${id}`))).toEqual(["1", "5", "5"]);
    const fewer = await visitor.press(cart, "less-mug");
    expect(fewer.textOf("quantity-mug")).toBe("4");
    expect((await visitor.press(fewer, "more-lamp")).textOf("quantity-lamp")).toBe("2");
  });

  test("each browser is among the devices, and one of them logs out everywhere", async () => {
    const desk = enter();
    const phone = enter(PHONE);
    await desk.logIn(mira.login, mira.demoPassword);
    const before = (await desk.open("/account")).count("device");
    await phone.logIn(mira.login, mira.demoPassword);
    const account = await phone.open("/account");
    expect([account.count("device") - before, account.count("badge")]).toEqual([1, 1]);
    await phone.press(account, "log-out-everywhere");
    for (const visitor of [phone, desk])
      expect((await visitor.open("/account")).textOf("user")).toBeUndefined();
    await add(desk, "mug");
    expect((await desk.open("/cart")).textOf("quantity-mug")).toBe("1");
  });

  test("a logout ends the session and takes the cookie", async () => {
    const visitor = enter();
    await visitor.logIn(mira.login, mira.demoPassword);
    const { key = "" } = visitor;
    await visitor.press(await visitor.open("/account"), "log-out");
    expect(visitor.key).toBeUndefined();
    visitor.key = key;
    expect((await visitor.open("/account")).textOf("user")).toBeUndefined();
  });

  test("forms of another site are refused, and change nothing", async () => {
    const visitor = enter();
    await add(visitor, "mug");
    const refused = await visitor.pressElsewhere(await visitor.open("/"), "add-mug");
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect((await visitor.open("/cart")).textOf("quantity-mug")).toBe("1");
    const { login, demoPassword: password } = mira;
    const victim = enter();
    const unwanted = await victim.pressElsewhere(await victim.open("/login"), "log-in", { login, password });
    expect(unwanted.status).toBeGreaterThanOrEqual(400);
    expect(victim.key).toBeUndefined();
  });

  test("errors are pages without details, and leave the cart as it is", async () => {
    const visitor = enter();
    await add(visitor, "mug");
    expect((await visitor.open("/nowhere")).status).toBe(404);
    const failed = await visitor.press(await visitor.open("/"), "add-mug", { product: "unicorn" });
    expect(failed.status).toBeGreaterThanOrEqual(400);
    expect(failed.html).not.toMatch(/node_modules|\bat \w+ \(/);
    expect((await visitor.open("/cart")).textOf("quantity-mug")).toBe("1");
  });

  return () => shop;
}

/** Adds the tests that see the commands to Redis, and end it. */
function watchRedis(shop: () => StartedExample, redis: () => RedisServer): void {
  test("a page that needs no session sends no command, and a new visitor's pages neither", async () => {
    const visitor = new ShopBrowser(shop().url);
    const monitor = await redis().monitor();
    await add(visitor, "mug");
    expect(await monitor.take()).not.toEqual([]);
    const page = await visitor.open("/about");
    await new ShopBrowser(shop().url).open("/cart");
    expect(await monitor.take()).toEqual([]);
    expect(page.response.headers.get("vary") ?? "").not.toMatch(/cookie/i);
    monitor.stop();
  });

  test("without Redis a change is an error page without a cookie, and the rest stays open", async () => {
    const visitor = new ShopBrowser(shop().url);
    const page = await visitor.open("/");
    await redis().kill();
    const failed = await visitor.press(page, "add-mug");
    expect(failed.status).toBeGreaterThanOrEqual(500);
    expect(failed.html).not.toMatch(/node_modules|\bat \w+ \(|ECONNREFUSED/);
    expect(visitor.key).toBeUndefined();
    expect((await visitor.open("/about")).status).toBe(200);
    expect((await visitor.open("/")).status).toBe(200);
  });
}

async function add(visitor: ShopBrowser, id: string): Promise<void> {
  const page = await visitor.press(await visitor.open("/"), `add-${id}`);
  expect(page.status).toBe(200);
}
