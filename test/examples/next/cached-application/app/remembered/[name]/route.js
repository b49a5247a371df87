import { unstable_cache } from "next/cache";
import { noteCall } from "../../../calls.mjs";

/** The older way to keep the result of a function. */
export async function GET(_request, { params }) {
  const { name } = await params;
  const number = unstable_cache(
    async () => {
      noteCall(`remembered ${name}`);
      return Math.random();
    },
    [name],
    { tags: [`remembered-${name}`], revalidate: 3600 },
  );
  return Response.json(await number());
}
