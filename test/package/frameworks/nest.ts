import "reflect-metadata";
import { Controller, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createSojourn, type Session } from "sojourn";
import { CurrentSession, SessionsModule } from "sojourn/adapters/nest";
import { memorySessionStore } from "sojourn/stores/memory";
import { checkPort } from "./check.js";

interface Visitor {
  views?: number;
}

const { sessions } = createSojourn<Visitor>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

@Controller()
class PageController {
  @Get()
  page(@CurrentSession() { data }: Session<Visitor>): string {
    data.views = (data.views ?? 0) + 1;
    // @ts-expect-error A number is no text.
    const wrong: string = data.views;
    return `views: ${wrong}`;
  }
}

@Module({ imports: [SessionsModule.forRoot(sessions)], controllers: [PageController] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0);
await checkPort(((app.getHttpServer() as Server).address() as AddressInfo).port);
