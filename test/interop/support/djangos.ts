import { describe } from "vitest";
import { isCi, say } from "../../../scripts/lib/project.mjs";
import type { PythonRange } from "./find-python.ts";
import { type EnvironmentObstacle, prepareEnvironment } from "./virtual-environment.ts";

/** Names of the environments, and what is in them. */
export const DJANGOS = {
  lts: { title: "Django 5.2", requirements: "requirements.txt", versions: { least: "3.10" } },
  oldest: {
    title: "Django 3.1",
    requirements: "requirements-oldest.txt",
    versions: { least: "3.10", below: "3.12" },
  },
  newest: { title: "Django 6.1", requirements: "requirements-newest.txt", versions: { least: "3.12" } },
  codex: { title: "codex-django 0.7", requirements: "requirements-codex.txt", versions: { least: "3.12" } },
} as const satisfies Record<string, { title: string; requirements: string; versions: PythonRange }>;

export type DjangoName = keyof typeof DJANGOS;

/** A Python with one of them. */
export interface Django {
  readonly name: DjangoName;
  readonly title: string;
  readonly python: string;
}

/**
 * `describe` for tests that need one of the environments. Without it they are skipped, and the title says
 * why. In CI they fail instead: there a test that did not run must not look like one that passed. Only a
 * version of Python that the machine does not have is no fault there: it is said, and the tests are left out.
 *
 * @param define Is given the environment; it is called, for the titles, also where there is none.
 */
export async function describeWithEnvironment(
  name: DjangoName,
  define: (django: Django) => void,
): Promise<void> {
  const { title, requirements, versions } = DJANGOS[name];
  const environment = await prepareEnvironment(requirements, versions);
  if (!("obstacle" in environment)) {
    describe(title, () => define({ name, title, python: environment.python }));
    return;
  }
  const { obstacle } = environment;
  if (!isCi)
    describe.skip(`${title} (skipped: ${obstacle})`, () => define({ name, title, python: "python3" }));
  else if (isFault(name, environment)) throw new Error(`${title} cannot be had: ${obstacle}`);
  else say(`Not tested: ${title}. ${obstacle}.`);
}

/** Django's version with long-term support needs no Python that a system in use would not have. */
function isFault(name: DjangoName, { lacksPython }: EnvironmentObstacle): boolean {
  return name === "lts" || lacksPython !== true;
}
