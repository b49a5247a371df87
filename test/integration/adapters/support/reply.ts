import type { IncomingHttpHeaders } from "node:http";

export interface Reply {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

/** Reads a reply whose end is that of the connection, as it is with HTTP/1.0. */
export function parseReply(text: string): Reply {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const [, status = "0", statusMessage = ""] = /^HTTP\/1\.\d (\d+) ?(.*)$/.exec(first) ?? [];
  const fields = lines.map(
    (line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const,
  );
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const before = headers[key];
    if (key === "set-cookie") headers[key] = [...((before as string[] | undefined) ?? []), value];
    else headers[key] = before === undefined ? value : `${String(before)}, ${value}`;
  }
  return {
    status: Number(status),
    statusMessage,
    headers,
    rawHeaders: fields.flat(),
    body: text.slice(end + 4),
    trailers: {},
  };
}
