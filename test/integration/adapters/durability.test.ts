import { describeDurability } from "../sessions/suites/durability.ts";
import { describeAdapters } from "./support/describe-adapters.ts";

describeAdapters(describeDurability);
