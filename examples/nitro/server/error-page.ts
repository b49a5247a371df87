import { explain, NOT_FOUND } from "../../shared/errors.ts";
import { messagePage } from "../../shared/views/pages.ts";

export default defineNitroErrorHandler(async (error, event) => {
  const failure = error.statusCode === 404 ? NOT_FOUND : explain(error.cause ?? error);
  if (failure.status >= 500) console.error(error);
  setResponseStatus(event, failure.status);
  await send(event, messagePage(failure), "text/html");
});
