import { describePromises } from "../sessions/suites/promises.ts";
import { describeAdapters } from "./support/describe-adapters.ts";

describeAdapters(describePromises);
