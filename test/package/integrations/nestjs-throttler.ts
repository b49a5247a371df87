import "reflect-metadata";
import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ThrottlerModule, ThrottlerStorage } from "@nestjs/throttler";
import { nestjsThrottlerStorage } from "sojourn/integrations/nestjs-throttler";
import { cache } from "./cache.js";

const throttlers = [{ ttl: 60_000, limit: 1 }];
// @ts-expect-error The option is called prefix.
const wrong = () => nestjsThrottlerStorage(cache, { keyPrefix: "a" });

@Module({ imports: [ThrottlerModule.forRoot({ throttlers, storage: nestjsThrottlerStorage(cache) })] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const storage = app.get<ThrottlerStorage>(ThrottlerStorage);
const hit = () => storage.increment("ann", 60_000, 1, 60_000, "default");
const blocks = [(await hit()).isBlocked, (await hit()).isBlocked];
await app.close();
const works = blocks.join() === "false,true" && typeof wrong === "function";
process.stdout.write(`${works}\n`);
