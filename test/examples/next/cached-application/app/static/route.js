import { cacheLife, cacheTag } from "next/cache";

async function numberOf() {
  "use cache";
  cacheTag("static");
  cacheLife("hours");
  return Math.random();
}

/** Prerendered. */
export async function GET() {
  return Response.json(await numberOf());
}
