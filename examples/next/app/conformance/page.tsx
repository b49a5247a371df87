import { connection } from "next/server";

const hook = globalThis as { sojournComponent?: () => Promise<string> };

/** A server component that the tests of the adapter write. */
export default async function ConformancePage() {
  await connection();
  return <p id="result">{await hook.sojournComponent?.()}</p>;
}
