import { connect } from "node:net";

/**
 * Sends a command of memcached's protocol, of several lines if it has a value.
 *
 * @returns The answer, in Latin-1, without its last line end.
 */
export async function rawMemcached(path: string, command: string): Promise<string> {
  const socket = connect({ path });
  socket.write(`${command}\r\nmn\r\n`, "latin1");
  let answer = "";
  for await (const chunk of socket) {
    answer += (chunk as Buffer).toString("latin1");
    if (answer.endsWith("MN\r\n")) break;
  }
  return answer.slice(0, -"\r\nMN\r\n".length);
}
