import { SessionUsageError } from "../core/errors.ts";
import { writeJson } from "../json/index.ts";
import type { HasData } from "./has-data.ts";
import {
  MESSAGES_KEY,
  readItems,
  splitItems,
  type StoredMessage,
  toItem,
  writeItems,
} from "./session-messages.ts";

/**
 * The levels of `django.contrib.messages.constants`. An application may use any other integer as a
 * level of its own.
 */
export const MESSAGE_LEVELS = { DEBUG: 10, INFO: 20, SUCCESS: 25, WARNING: 30, ERROR: 40 } as const;

// `DEFAULT_TAGS` of django.contrib.messages.constants.
const DEFAULT_TAGS: Readonly<Record<number, string>> = {
  10: "debug",
  20: "info",
  25: "success",
  30: "warning",
  40: "error",
};

/** A message, with the attributes that Django's `Message` has for templates. */
export interface DjangoMessage extends StoredMessage {
  /** The tag of the level, such as `success`; empty for a level without one. */
  readonly levelTag: string;
  /**
   * For the `class` of an element: the extra tags and the tag of the level, with a space between
   * them.
   */
  readonly tags: string;
}

/** Options of {@link addMessage}. */
export interface AddMessageOptions {
  /** Additional tags, beside the tag of the level. @defaultValue `""` */
  readonly extraTags?: string;
  /**
   * Makes Django insert the message into its pages as HTML. Escape all input of visitors in it.
   *
   * @defaultValue `false`
   */
  readonly isSafe?: boolean;
  /** Lowest level that is kept: Django's `MESSAGE_LEVEL`. @defaultValue `20` (`INFO`) */
  readonly messageLevel?: number;
}

/** Options of {@link takeMessages}. */
export interface TakeMessagesOptions {
  /**
   * Tags of levels, which extend or override Django's: Django's `MESSAGE_TAGS`.
   *
   * @defaultValue `{}`
   */
  readonly messageTags?: Readonly<Record<number, string>>;
}

/**
 * Leaves a message for the next page that shows messages, like Django's `add_message`. The page may
 * be Node's, or Django's with
 * `MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"`.
 *
 * Drops an empty message, and one below `messageLevel`. A value in the session that is not a list
 * of messages is replaced, with a process warning (`SOJOURN_DJANGO_MESSAGES`).
 *
 * @param level An integer, such as `MESSAGE_LEVELS.SUCCESS`.
 * @throws {SessionUsageError} If the level is not an integer.
 * @throws {NotJsonError} If the message or its tags hold a lone surrogate.
 */
export function addMessage(
  { data }: HasData,
  level: number,
  message: string,
  { extraTags = "", isSafe = false, messageLevel = MESSAGE_LEVELS.INFO }: AddMessageOptions = {},
): void {
  if (!Number.isSafeInteger(level)) throw new SessionUsageError(LEVEL_EXPECTED);
  if (message === "" || level < messageLevel) return;
  const item = toItem({ level, message, extraTags, isSafe });
  writeJson(item, "message");
  const messages = data as Record<string, unknown>;
  const items = readItems(messages[MESSAGES_KEY]);
  if (items === undefined) warnOfUnreadable();
  messages[MESSAGES_KEY] = writeItems([...(items ?? []), item]);
}

/**
 * Removes the waiting messages from the session and returns them in order. Items that are not
 * messages stay, and so does a value that is not a list.
 */
export function takeMessages(
  { data }: HasData,
  { messageTags = {} }: TakeMessagesOptions = {},
): DjangoMessage[] {
  const members = data as Record<string, unknown>;
  const { messages, rest } = splitItems(readItems(members[MESSAGES_KEY]) ?? []);
  if (messages.length === 0) return [];
  if (rest.length === 0) delete members[MESSAGES_KEY];
  else members[MESSAGES_KEY] = writeItems(rest);
  return messages.map((message) => withTags(message, { ...DEFAULT_TAGS, ...messageTags }));
}

function withTags(message: StoredMessage, levelTags: Readonly<Record<number, string>>): DjangoMessage {
  const levelTag = levelTags[message.level] ?? "";
  const tags = [message.extraTags, levelTag].filter((tag) => tag !== undefined && tag !== "").join(" ");
  return { ...message, levelTag, tags };
}

function warnOfUnreadable(): void {
  process.emitWarning(
    `session.data.${MESSAGES_KEY} was not a list of messages, so a new message has replaced it. Find the code that writes ` +
      "this key; with such a value, Django answers each page that shows messages with an error.",
    { type: "SojournWarning", code: "SOJOURN_DJANGO_MESSAGES" },
  );
}

const LEVEL_EXPECTED =
  "addMessage() expected the level as a whole number. Take one of MESSAGE_LEVELS, such as MESSAGE_LEVELS.SUCCESS.";
