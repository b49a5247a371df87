/** Warns that the ends of sessions are found by polling, since the store refuses to report them. */
export function warnOfPolling({ message }: Error): void {
  process.emitWarning(
    "The server refuses to report the ends of sessions (CLIENT TRACKING), so sessions.watch() reads the records of open " +
      `sockets at the interval \`pollEvery\`. The refusal: ${message}`,
    { type: "SojournWarning", code: "SOJOURN_UNTRACKED_SESSIONS" },
  );
}
