import { createServer, type RequestListener, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Starts an application. @returns Its address. */
export async function serve(app: RequestListener): Promise<string> {
  const server: Server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface Page {
  readonly status: number;
  readonly body: string;
  readonly setCookie: string | undefined;
}

/** A browser with one cookie. */
export class Visitor {
  cookie: string | undefined;

  constructor(cookie?: string) {
    this.cookie = cookie;
  }

  get(origin: string, path = "/"): Promise<Page> {
    return this.#send(origin, path, { method: "GET" });
  }

  post(origin: string, path: string, fields: Record<string, string> = {}): Promise<Page> {
    return this.#send(origin, path, { method: "POST", body: new URLSearchParams(fields) });
  }

  logIn(origin: string, username = "ann"): Promise<Page> {
    return this.post(origin, "/login", { username, password: "secret" });
  }

  async home(origin: string): Promise<unknown> {
    return JSON.parse((await this.get(origin)).body) as unknown;
  }

  async #send(origin: string, path: string, init: RequestInit): Promise<Page> {
    const headers = this.cookie === undefined ? {} : { cookie: this.cookie };
    const response = await fetch(origin + path, { ...init, headers, redirect: "manual" });
    const [setCookie] = response.headers.getSetCookie();
    if (setCookie !== undefined) this.cookie = setCookie.split(";")[0];
    return { status: response.status, body: await response.text(), setCookie };
  }
}
