import { revalidatePath, revalidateTag } from "next/cache";

/** Revalidates a tag, or a path, as the query says. */
export async function POST(request, { params }) {
  const { name } = await params;
  const query = new URL(request.url).searchParams;
  const path = query.get("path");
  if (path === null) revalidateTag(name, query.get("profile") ?? { expire: 0 });
  else revalidatePath(path);
  return new Response("done");
}
