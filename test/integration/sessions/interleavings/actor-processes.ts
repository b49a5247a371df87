import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

import type { Operation } from "../../../faults/history/history.ts";
import { buildProgram } from "../../../support/program.ts";
import type { ActorMessage, DirectorMessage, Stage } from "./messages.ts";
import { PROCESSES } from "./plan.ts";

const PROGRAM = new URL("actor-process.ts", import.meta.url);

/** The processes whose actors play runs, each its part of every run. They serve for any number of stages. */
export class ActorProcesses {
  readonly #children: readonly ChildProcess[];
  readonly #isEnding = new AbortController();
  /** Rejects when one of them ends too early. */
  readonly #crash: Promise<never>;

  private constructor(program: string) {
    this.#children = Array.from({ length: PROCESSES }, (_, number) =>
      fork(program, [String(number)], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] }),
    );
    for (const child of this.#children) {
      child.setMaxListeners(0);
      child.on("message", (message: ActorMessage) => this.#passOn(child, message));
    }
    this.#crash = Promise.race(this.#children.map((child) => this.#crashOf(child)));
    this.#crash.catch(() => {});
  }

  static async start(): Promise<ActorProcesses> {
    const processes = new ActorProcesses(await buildProgram(PROGRAM));
    await processes.#hearFromAll(({ type }) => type === "ready");
    return processes;
  }

  /** Lets them play a run. @returns What each actor has done. */
  async play(stage: Stage, seed: number, cookies: readonly string[]): Promise<readonly Operation[]> {
    const played = this.#hearFromAll((message) => message.type === "played" && message.seed === seed);
    this.#tellAll({ type: "play", stage, seed, cookies });
    return (await played).flatMap((message) => (message.type === "played" ? message.operations : []));
  }

  /** Lets them close what they have opened. */
  async close(): Promise<void> {
    const closed = this.#hearFromAll(({ type }) => type === "closed");
    this.#tellAll({ type: "close" });
    await closed;
  }

  end(): void {
    this.#isEnding.abort();
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #tellAll(message: DirectorMessage): void {
    for (const child of this.#children) child.send(message);
  }

  #passOn(sender: ChildProcess, message: ActorMessage): void {
    if (message.type !== "cookie") return;
    for (const child of this.#children) if (child !== sender && child.connected) child.send(message);
  }

  #hearFromAll(isMeant: (message: ActorMessage) => boolean): Promise<ActorMessage[]> {
    return Promise.race([Promise.all(this.#children.map((child) => hear(child, isMeant))), this.#crash]);
  }

  async #crashOf(child: ChildProcess): Promise<never> {
    const [code, signal] = (await once(child, "exit", { signal: this.#isEnding.signal })) as unknown[];
    throw new Error(`an actor process ended too early, with ${String(code ?? signal)}`);
  }
}

function hear(child: ChildProcess, isMeant: (message: ActorMessage) => boolean): Promise<ActorMessage> {
  return new Promise((resolve) => {
    const listen = (message: ActorMessage): void => {
      if (!isMeant(message)) return;
      child.off("message", listen);
      resolve(message);
    };
    child.on("message", listen);
  });
}
