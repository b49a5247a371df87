import { spawn } from "node:child_process";
import { once } from "node:events";
import { root } from "../../../scripts/lib/project.mjs";
import { buildProgram } from "../../../test/support/program.ts";

/** Environment of an example: `SECRET_KEY`, and `REDIS_URL` for sessions in Redis. */
export type ExampleEnvironment = Readonly<Record<string, string>>;

/** An example that is open. */
export interface StartedExample {
  /** Address without a path, such as `http://localhost:3000`. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts `examples/NAME/app.ts` as a process on a free port. */
export async function startExample(name: string, env: ExampleEnvironment): Promise<StartedExample> {
  const program = await buildProgram(new URL(`../../${name}/app.ts`, import.meta.url));
  return startProgram([program], { cwd: root, env: { PORT: "0", ...env } });
}

/** Starts a program of Node that prints its address, such as `http://localhost:3000`, when it listens. */
export async function startProgram(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: ExampleEnvironment },
): Promise<StartedExample> {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, args, { cwd, env: { PATH, HOME, ...env } });
  const kill = (): void => void child.kill("SIGKILL");
  process.on("exit", kill);
  const ended = once(child, "close");
  const url = await new Promise<string>((resolve, reject) => {
    let output = "";
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const address = /https?:\/\/[\w.-]+:\d+(?=\D)/.exec(output)?.[0];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("close", () => reject(new Error(`The example ended before it listened:\n${output}`)));
  });
  return {
    url,
    stop: async () => {
      process.off("exit", kill);
      kill();
      await ended;
    },
  };
}
