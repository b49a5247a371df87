// Part of the applications of frameworks.test.ts: sends two requests with one cookie jar, and prints both responses.

/** Sends a request for the page with these headers. */
export type Send = (init: { readonly headers: Record<string, string> }) => Response | Promise<Response>;

/** Checks an application that listens. */
export function checkPort(port: number): Promise<never> {
  return check((init) => fetch(`http://127.0.0.1:${port}`, init));
}

export async function check(send: Send): Promise<never> {
  const first = await send({ headers: {} });
  const cookie = first.headers
    .getSetCookie()
    .map((each) => each.split(";")[0])
    .join("; ");
  const second = await send({ headers: { cookie } });
  process.stdout.write(`${await first.text()}, ${await second.text()}\n`);
  process.exit();
}
