import { cacheLife, cacheTag } from "next/cache";

/** Without dynamic parts: the build renders it. */
export default async function Page() {
  "use cache";
  cacheTag("prerendered");
  cacheLife("hours");
  return <output>{`prerendered: ${Math.random()}`}</output>;
}
