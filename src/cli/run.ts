import { isSojournError } from "../core/errors.ts";
import { migratePickles, USAGE as MIGRATE_PICKLES_USAGE } from "./commands/migrate-pickles.ts";
import { takeOver, TAKE_OVER_USAGE } from "./commands/take-over.ts";
import { type Terminal, UsageError } from "./terminal.ts";

const COMMANDS: ReadonlyMap<string, (args: readonly string[], terminal: Terminal) => Promise<number>> =
  new Map([
    ["migrate-pickles", migratePickles],
    ["take-over", takeOver],
  ]);

const USAGE = `${MIGRATE_PICKLES_USAGE}\n\n${TAKE_OVER_USAGE}`;

/**
 * Runs a command line.
 *
 * @returns The exit code of the command; 1 for an error of settings or of a store; 2 for wrong
 *   arguments.
 */
export async function run(
  [name = "--help", ...args]: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (name === "--help" || args.includes("--help")) {
    terminal.out(USAGE);
    return 0;
  }
  const command = COMMANDS.get(name);
  try {
    if (command === undefined) throw new UsageError(`There is no command ${JSON.stringify(name)}.`);
    return await command(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    if (!isSojournError(error)) throw error;
    terminal.error(`${error.code}: ${error.message}`);
    return 1;
  }
}
