// npm start -- nitro: builds the shop where that has not been done, and serves it.
import { buildExample } from "../../scripts/nitro-example.mjs";
import { startBuiltExample } from "../shared/start-built.ts";

await startBuiltExample("nitro", buildExample);
