// npm start -- react-router: builds the shop where that has not been done, and serves it.
import { buildExample } from "../../scripts/react-router-example.mjs";
import { startBuiltExample } from "../shared/start-built.ts";

await startBuiltExample("react-router", buildExample);
