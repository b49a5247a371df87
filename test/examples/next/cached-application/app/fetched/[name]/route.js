/** Fetches from the server of the test. */
export async function GET(_request, { params }) {
  const { name } = await params;
  const response = await fetch(`${process.env.UPSTREAM}/${name}`, {
    cache: "force-cache",
    next: { tags: [`fetched-${name}`], revalidate: 3600 },
  });
  return new Response(await response.text());
}
