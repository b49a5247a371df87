import { newNonce } from "../../core/ids.ts";
import { isPlainObject } from "../../json/index.ts";

/** A message that one page leaves for the next. */
export interface FlashMessage {
  readonly kind: string;
  readonly message: string;
}

/** Key of the messages in the data; missing if there are none. */
export const FLASH_KEY = "_flash";

/**
 * Adds a message. Each has its own key, so that parallel requests can all add theirs: in a list,
 * the last commit would win.
 */
export function addFlash(data: object, kind: string, message: string): void {
  // The leading letter keeps the keys in insertion order: keys of digits would be sorted.
  setMessages(data, { ...messagesIn(data), [`m${newNonce()}`]: { kind, message } });
}

export function takeFlash(data: object, kind: string | undefined): FlashMessage[] {
  const messages = messagesIn(data);
  if (messages === undefined) return [];
  const taken: FlashMessage[] = [];
  const left: [key: string, flash: unknown][] = [];
  for (const [key, flash] of Object.entries(messages)) {
    if (!isFlashMessage(flash) || (kind !== undefined && flash.kind !== kind)) left.push([key, flash]);
    else taken.push({ kind: flash.kind, message: flash.message });
  }
  if (taken.length === 0) return [];
  if (left.length === 0) delete (data as Record<string, unknown>)[FLASH_KEY];
  else setMessages(data, Object.fromEntries(left));
  return taken;
}

/** Sets a new object: the existing one may belong to the application. */
function setMessages(data: object, messages: Record<string, unknown>): void {
  (data as Record<string, unknown>)[FLASH_KEY] = messages;
}

function messagesIn(data: object): Record<string, unknown> | undefined {
  const messages = (data as Record<string, unknown>)[FLASH_KEY];
  return isPlainObject(messages) ? messages : undefined;
}

function isFlashMessage(value: unknown): value is FlashMessage {
  return isPlainObject(value) && typeof value["kind"] === "string" && typeof value["message"] === "string";
}
