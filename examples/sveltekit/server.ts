// npm start -- sveltekit: builds the shop where that has not been done, and serves it.
import { buildExample } from "../../scripts/sveltekit-example.mjs";
import { startBuiltExample } from "../shared/start-built.ts";

await startBuiltExample("sveltekit", buildExample);
