// Notes what runs the tests, for the matrix, which must not take one runtime's figures for another's.
import { appendFileSync } from "node:fs";
import { runtime } from "../support/runtime.ts";

const notes = process.env["SOJOURN_RUNTIME_NOTES"];
if (notes !== undefined)
  appendFileSync(notes, `${runtime} ${process.versions[runtime] ?? "of no version"}\n`);
