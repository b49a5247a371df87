import type { Outcome } from "../core/errors.ts";
import type { RedisScript } from "./script.ts";

/** A refusal by the access rules (ACL) of the connection's user. */
export interface Denial {
  /**
   * Whether anything can have been changed: a script may have written before the refused command.
   */
  readonly outcome: Outcome;
  /** Names the missing right, and the rule that gives it. */
  readonly advice: string;
}

/** Wording of the servers: Redis 7.0, newer ones and Valkey; inside a script the code is ERR. */
const OF_COMMAND =
  /^NOPERM .*to run the '|^ERR (The user executing the script can't run this|ACL failure in script: User )/;
const OF_KEY =
  /^NOPERM .*access .*key|^ERR (The user executing the script can't access|ACL failure in script: No permissions to access a key)/;
const OF_CHANNEL = /^NOPERM .*access .*channel/;
const IN_SCRIPT = /^ERR /;
const NAMED_COMMAND = /the '([\w|]+)' command/;
const LINE_OF_SCRIPT = /@user_script:(\d+)/;

/** The one channel that is used. */
const ADVICE_ON_CHANNEL =
  "The user's ACL does not allow the channel of changes: add &__redis__:invalidate to its rules.";

const COMMENT = /--\[\[[\s\S]*?\]\]|--.*$/gm;
const LOOP = /\b(?:for|while|repeat|function)\b/;

/** Commands of scripts that change nothing. */
const READS: ReadonlySet<string> = new Set(
  "EXISTS GET GETRANGE HGET HMGET HSCAN PTTL TIME TYPE ZCOUNT ZRANGEBYSCORE ZREVRANGE ZSCORE".split(" "),
);

/** Reads a missing right from an error reply; returns `undefined` for another error. */
export function denialOf(reply: string, script: RedisScript | undefined): Denial | undefined {
  if (OF_CHANNEL.test(reply)) return { outcome: "not-sent", advice: ADVICE_ON_CHANNEL };
  const isOfKey = OF_KEY.test(reply);
  if (!isOfKey && !OF_COMMAND.test(reply)) return undefined;
  const call = IN_SCRIPT.test(reply) && script !== undefined ? callAt(reply, script, isOfKey) : undefined;
  const command = NAMED_COMMAND.exec(reply)?.[1]?.toUpperCase() ?? call?.command;
  const outcome = call === undefined || call.isFirstChange ? "not-sent" : "unknown";
  return { outcome, advice: adviceFor(command, isOfKey) };
}

function adviceFor(command: string | undefined, isOfKey: boolean): string {
  if (isOfKey)
    return `The user's ACL does not allow this key${command === undefined ? "" : ` for ${command}`}.`;
  if (command === undefined) return "The user's ACL does not allow this command.";
  return `The user's ACL does not allow ${command}: add +${command.toLowerCase()} to its rules.`;
}

interface Call {
  readonly command: string;
  readonly line: number;
}

/**
 * Returns the refused call of a script, and whether no call before it can have changed anything.
 */
function callAt(
  reply: string,
  { source }: RedisScript,
  isOfKey: boolean,
): { command: string | undefined; isFirstChange: boolean } {
  const calls = callsOf(source);
  const line = Number(LINE_OF_SCRIPT.exec(reply)?.[1] ?? Number.NaN);
  // The error of a protected call (`pcall`), which the script passes on, has no line.
  const refused = Number.isNaN(line) ? callsOf(source, "pcall") : calls.filter((call) => call.line === line);
  const [first] = refused;
  const isOne = first !== undefined && refused.every(({ command }) => command === first.command);
  const command = NAMED_COMMAND.exec(reply)?.[1]?.toUpperCase() ?? (isOne ? first.command : undefined);
  const isStraight = first !== undefined && refused.length === 1 && !LOOP.test(source.replace(COMMENT, ""));
  const before = isStraight ? calls.filter((call) => call.line < first.line) : calls;
  // The same command may have been allowed for another key.
  const isHarmless = (call: Call): boolean =>
    READS.has(call.command) || (!isOfKey && call.command === command);
  return { command, isFirstChange: before.every(isHarmless) };
}

function callsOf(source: string, kind = "p?call"): Call[] {
  const pattern = new RegExp(`redis\\.${kind}\\('(\\w+)'`, "g");
  return source
    .split("\n")
    .flatMap((text, at) =>
      [...text.matchAll(pattern)].map(([, command = ""]) => ({ command, line: at + 1 })),
    );
}
