import "reflect-metadata";
import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  type INestApplication,
  Module,
  type ModuleMetadata,
  type NestApplicationOptions,
  type Type,
} from "@nestjs/common";
import { type AbstractHttpAdapter, NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import express from "express";
import fastify, { type FastifyInstance } from "fastify";
import type { AdapterTestApplication } from "sojourn/testing";

/** Choices of a test for the server of its application. */
export type ServerOptions = Pick<AdapterTestApplication, "trustsProxy" | "protocol" | "around">;

const PLAIN: ServerOptions = { trustsProxy: false, protocol: "HTTP/1.1", around: (listener) => listener };

/** Servers beneath Nest. */
export type Platform = "Express" | "Fastify";
export const PLATFORMS: readonly Platform[] = ["Express", "Fastify"];

/** Creates an application, which the caller starts with {@link listen}. */
export async function createNest(
  platform: Platform,
  metadata: ModuleMetadata,
  { server = PLAIN, ...options }: NestApplicationOptions & { readonly server?: ServerOptions } = {},
): Promise<INestApplication> {
  const adapter = platform === "Express" ? expressAdapter(server) : fastifyAdapter(server);
  return NestFactory.create(rootOf(metadata), adapter, { logger: false, abortOnError: false, ...options });
}

/** Makes the module that an application starts with; Nest 11 takes no metadata alone. */
export function rootOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

/** Starts an application. @returns Its port. */
export async function listen(app: INestApplication): Promise<number> {
  await app.listen(0, "127.0.0.1");
  return ((app.getHttpServer() as Server).address() as AddressInfo).port;
}

function expressAdapter({ trustsProxy, around }: ServerOptions): AbstractHttpAdapter {
  const app = express();
  app.set("trust proxy", trustsProxy);
  return new AroundExpress(app, around);
}

class AroundExpress extends ExpressAdapter {
  readonly #around: ServerOptions["around"];

  constructor(app: express.Express, around: ServerOptions["around"]) {
    super(app);
    this.#around = around;
  }

  override initHttpServer(): void {
    this.httpServer = createServer(this.#around(this.getInstance()));
  }
}

function fastifyAdapter({ trustsProxy, protocol, around }: ServerOptions): AbstractHttpAdapter {
  const instance = fastify({
    trustProxy: trustsProxy,
    forceCloseConnections: true,
    serverFactory: (handler) => {
      const listener = around(handler);
      // Fastify's types know its servers of HTTP/2 by options alone.
      return protocol === "HTTP/2" ? (createHttp2Server(listener as never) as never) : createServer(listener);
    },
  });
  return new FastifyAdapter(instance as FastifyInstance as never);
}
