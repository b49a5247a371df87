import type { NitroAppPlugin } from "nitropack/types";
import { createSojourn } from "sojourn";
import { nitroSessions, type NitroEvent } from "sojourn/adapters/nitro";
import { memorySessionStore } from "sojourn/stores/memory";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

export default nitroSessions(sessions) satisfies NitroAppPlugin;

export async function handler(event: NitroEvent): Promise<string> {
  const { data } = await sessions.from(event);
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return `views: ${wrong}`;
}
