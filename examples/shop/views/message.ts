import { messageMain } from "../../shared/views/parts.ts";
import { layout } from "./layout.ts";

/** A page with a single message, which does not use the session. */
export function messagePage(message: { title: string; text: string }): string {
  return layout({ title: message.title, main: messageMain(message) });
}
