export default async function handler(_request, response) {
  await response.revalidate("/legacy");
  response.end("done");
}
