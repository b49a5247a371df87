import { cacheLife } from "next/cache";

/** Prerendered, and made again after a second. */
export default async function Page() {
  "use cache";
  cacheLife({ stale: 30, revalidate: 1, expire: 3600 });
  return <output>{`timed: ${Math.random()}`}</output>;
}
