import { spawnSync } from "node:child_process";

/**
 * Puts a server, and whatever it starts afterwards, before all other processes, so that the time of a command
 * is its own and not that of others on a busy machine. Needs Linux and root; elsewhere nothing changes.
 *
 * @returns Whether it could.
 */
export function prioritize(pid: number | undefined): boolean {
  if (pid === undefined || process.platform !== "linux") return false;
  return (
    spawnSync("chrt", ["--all-tasks", "--fifo", "--pid", "1", String(pid)], { stdio: "ignore" }).status === 0
  );
}
