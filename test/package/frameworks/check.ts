// Part of the applications of frameworks.test.ts: sends two requests with one cookie jar, and prints both responses.
export async function check(port: number): Promise<never> {
  const origin = `http://127.0.0.1:${port}`;
  const first = await fetch(origin);
  const cookie = first.headers
    .getSetCookie()
    .map((each) => each.split(";")[0])
    .join("; ");
  const second = await fetch(origin, { headers: { cookie } });
  process.stdout.write(`${await first.text()}, ${await second.text()}\n`);
  process.exit();
}
