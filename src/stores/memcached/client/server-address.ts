import { ImproperlyConfigured } from "../../../core/errors.ts";
import { describeValue } from "../../../core/settings.ts";

/** Place of a server. */
export type ServerAddress =
  | { readonly name: string; readonly host: string; readonly port: number }
  | { readonly name: string; readonly path: string };

const DEFAULT_PORT = 11_211;

/**
 * Reads the addresses of Django's `LOCATION`: text, or a list of texts; one text may have several,
 * with commas or semicolons between them.
 *
 * @param setting Name of the setting, for errors.
 * @throws {ImproperlyConfigured}
 */
export function parseServers(location: unknown, setting: string): readonly ServerAddress[] {
  const texts = (Array.isArray(location) ? location : [location]) as readonly unknown[];
  const parts = texts.flatMap((text) => (typeof text === "string" ? text.split(/[;,]/) : [text]));
  if (parts.length === 0) throw wrong(setting, location);
  return parts.map((part) => parseServer(part, setting));
}

function parseServer(part: unknown, setting: string): ServerAddress {
  if (typeof part !== "string") throw wrong(setting, part);
  const text = part.trim().replace(/^unix:(?:\/\/)?/, "");
  if (text.startsWith("/")) return { name: text, path: text };
  const [, bracketed, plain, port = String(DEFAULT_PORT)] =
    /^(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw wrong(setting, part);
  return { name: `${host}:${port}`, host, port: Number(port) };
}

function wrong(setting: string, given: unknown): ImproperlyConfigured {
  return new ImproperlyConfigured(
    setting,
    `expected a server such as "127.0.0.1:11211" or "/run/memcached.sock", or a list of them, got ${describeValue(given)}.`,
  );
}
