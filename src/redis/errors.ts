import type { Deadline } from "../core/deadlines.ts";
import {
  type Outcome,
  RedisConnectionError,
  RedisQueueFullError,
  RedisServiceError,
} from "../core/errors.ts";
import type { DriverFailure } from "./commands.ts";
import { denialOf } from "./denials.ts";
import type { RedisScript } from "./script.ts";

/**
 * Names of a command and its connection in messages. Never keys or arguments, which are secrets.
 */
export interface CommandLabel {
  readonly command: string;
  readonly connection: string;
  readonly script?: RedisScript;
}

/** No link could be opened for a command, so it was not sent. */
export function connectError(
  label: CommandLabel,
  failure: DriverFailure,
): RedisConnectionError | RedisServiceError {
  if (failure.kind === "reply") return serviceError(label, failure.cause, "not-sent");
  return new RedisConnectionError(
    `${prefixOf(label)} no connection could be opened (${describeCause(failure.cause)}), so ${label.command} was not ` +
      `sent. ${adviceOnOpening(label, failure.cause)}`,
    { outcome: "not-sent", cause: failure.cause },
  );
}

/** Codes for a refused certificate. Source: Node documentation, "X509 certificate error codes". */
const CERTIFICATE_CODE = /^ERR_TLS_CERT|CERT|^SELF_SIGNED|^UNABLE_TO_(GET|VERIFY)/;

function adviceOnOpening({ connection }: CommandLabel, cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== "string" || !CERTIFICATE_CODE.test(code)) {
    return `Check that the server runs and that redis.${connection} points to it.`;
  }
  return `Its certificate was refused. Check \`ca\` and \`servername\` of redis.${connection}.tls.`;
}

/** A command was handed to the client, and failed. */
export function commandError(
  label: CommandLabel,
  failure: DriverFailure,
): RedisConnectionError | RedisServiceError {
  if (failure.atOpening === true) return connectError(label, failure);
  if (failure.kind === "reply") return serviceError(label, failure.cause);
  if (failure.kind === "full") return queueFullError(label, failure.cause);
  if (failure.kind === "refused") {
    const message = `the client did not take ${label.command} (${describeCause(failure.cause)}). Nothing was sent.`;
    return new RedisConnectionError(`${prefixOf(label)} ${message}`, {
      outcome: "not-sent",
      cause: failure.cause,
    });
  }
  return new RedisConnectionError(
    `${prefixOf(label)} the connection was lost before ${label.command} was answered (${describeCause(failure.cause)}). ` +
      "It may or may not have been executed.",
    { outcome: "unknown", cause: failure.cause },
  );
}

/** This process has too many commands under way. */
function queueFullError(label: CommandLabel, cause: unknown): RedisQueueFullError {
  const message =
    `${label.command} was not sent, since this process has as many commands under way as the client takes ` +
    `(${describeCause(cause)}). Do less at once, or use another connection for it; the server may be well.`;
  return new RedisQueueFullError(`${prefixOf(label)} ${message}`, { outcome: "not-sent", cause });
}

/** The deadline passed before an answer came. */
export function deadlineError(
  label: CommandLabel,
  deadline: Deadline,
  outcome: Outcome,
): RedisConnectionError {
  const within = `within the deadline of ${deadline.total} ms`;
  const what =
    outcome === "not-sent"
      ? `${label.command} could not be sent ${within}.`
      : `${label.command} was not answered ${within}. It may or may not have been executed.`;
  return new RedisConnectionError(`${prefixOf(label)} ${what} Check the server's load and the network.`, {
    outcome,
  });
}

/** A command was issued after `close()`. */
export function closedError(label: CommandLabel): RedisConnectionError {
  const message = `${prefixOf(label)} it has been closed, so ${label.command} was not sent.`;
  return new RedisConnectionError(message, { outcome: "not-sent" });
}

/**
 * Codes by which Redis refuses a command before it does anything, with advice. In the scripts here
 * they come from the first access to the key or from the one write, so nothing has been changed
 * either.
 *
 * Source: `shared` in Redis's `server.c`, `processCommand`, and `cluster.c`.
 */
const REFUSALS: Readonly<Record<string, string>> = {
  ASK: "The server belongs to a cluster, and another node holds the key.",
  BUSY: "A script occupies the server. Try again later.",
  CLUSTERDOWN: "The cluster does not serve this key now. Try again later.",
  CROSSSLOT: "The keys lie in different slots of the cluster.",
  DENIED: "The server runs in protected mode. Give it a password, or bind it to an address.",
  LOADING: "The server is still loading its data. Try again soon.",
  MASTERDOWN: "The replica has lost its primary. Try again later, or connect to the primary.",
  MISCONF: "The server cannot write to its disk. Check its log.",
  MOVED: "The server belongs to a cluster, and another node holds the key.",
  NOAUTH: "The server requires a password. Set `password`, and `username` if it has users.",
  NOPERM: "The user's ACL does not allow this command or this key.",
  NOPROTO: "The server does not speak RESP 3. Redis 6 or newer is needed.",
  NOREPLICAS: "Too few replicas are in sync. Try again later.",
  NOSCRIPT: "The script is not loaded.",
  // Not of Redis: of a client that has not turned tracking on.
  NOTRACKING: "The client reports no changes: use @redis/client 5.9 or newer.",
  OOM: "The server has used up its memory. Raise `maxmemory`, or set an eviction policy.",
  READONLY: "The server is a replica. Connect to the primary.",
  TRYAGAIN: "The cluster is moving this slot. Try again soon.",
  UNKILLABLE: "A script occupies the server. Try again later.",
  WRONGPASS: "Check `username` and `password`, and that the user is enabled.",
  WRONGTYPE: "The key holds other data. Check that no other application uses this prefix.",
};

function serviceError(label: CommandLabel, cause: unknown, known?: Outcome): RedisServiceError {
  const reply = cause instanceof Error ? cause.message : "";
  const denial = denialOf(reply, label.script);
  const code = denial === undefined ? replyCode(reply) : "NOPERM";
  const isRefusal = Object.hasOwn(REFUSALS, code);
  const advice = denial?.advice ?? (isRefusal ? REFUSALS[code] : "See `cause` for the server's message.");
  return new RedisServiceError(`${prefixOf(label)} Redis answered ${label.command} with ${code}. ${advice}`, {
    outcome: known ?? denial?.outcome ?? (isRefusal ? "not-sent" : "unknown"),
    cause: withoutArguments(cause, reply),
  });
}

/**
 * Returns the first word of an error reply, which identifies the error. For errors inside a script
 * it is further on: before Redis 7 in
 * `ERR Error running script (call to f_…): @user_script:1: -READONLY You can't …`.
 */
export function replyCode(reply: string): string {
  const code = /^[A-Z][A-Z0-9_]*(?= |$)/.exec(reply)?.[0] ?? "ERR";
  return code === "ERR"
    ? (/^ERR Error running script .*?: -([A-Z][A-Z0-9_]*) /.exec(reply)?.[1] ?? code)
    : code;
}

/**
 * - `"elsewhere"`: the server does not execute commands, or not now; another one may.
 * - `"later"`: the server is the right one, but cannot execute the command for a moment.
 */
export type News = "elsewhere" | "later";

const NEWS: Readonly<Record<string, News>> = {
  CLUSTERDOWN: "elsewhere",
  LOADING: "elsewhere",
  MASTERDOWN: "elsewhere",
  NOAUTH: "elsewhere",
  READONLY: "elsewhere",
  TRYAGAIN: "later",
  WRONGPASS: "elsewhere",
};

/**
 * Reads news about the link from the code of an error reply. None of these commands was executed.
 */
export function newsOf(code: string): News | undefined {
  return Object.hasOwn(NEWS, code) ? NEWS[code] : undefined;
}

/** Returns the code of an error reply; `undefined` for a failure of another kind. */
export function replyCodeOf({ kind, cause, atOpening }: DriverFailure): string | undefined {
  return kind === "reply" && atOpening !== true && cause instanceof Error
    ? replyCode(cause.message)
    : undefined;
}

// "ERR unknown command 'EVALSHA', with args beginning with: …" (a renamed command) continues with
// the session key.
const QUOTED_ARGUMENTS = /,? with args beginning with:.*$/s;

function withoutArguments(cause: unknown, reply: string): unknown {
  return QUOTED_ARGUMENTS.test(reply) ? new Error(reply.replace(QUOTED_ARGUMENTS, "")) : cause;
}

export function prefixOf(label: CommandLabel): string {
  return `Redis connection "${label.connection}":`;
}

function describeCause(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // An AggregateError (localhost as ::1 and 127.0.0.1) has an empty message, but a code.
  return cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.constructor.name);
}
