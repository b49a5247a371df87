import { cacheLife, cacheTag } from "next/cache";
import { noteCall, slowly } from "../../../calls.mjs";

async function numberOf(name) {
  "use cache: remote";
  cacheTag(name);
  cacheLife("hours");
  noteCall(name);
  await slowly();
  if (name.startsWith("bad")) throw new Error("a fault of the function");
  return { name, number: Math.random() };
}

export async function GET(_request, { params }) {
  const { name } = await params;
  return Response.json(await numberOf(name));
}
