import { Module } from "@nestjs/common";
import { APP_FILTER, NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { SessionsModule } from "sojourn/adapters/nest";
import { publicFolder } from "../shared/settings.ts";
import { AccountController } from "./account-controller.ts";
import { ErrorPageFilter } from "./error-page-filter.ts";
import { ShopController } from "./shop-controller.ts";
import { Sojourn, SojournModule } from "./sojourn-module.ts";

@Module({
  imports: [
    SojournModule,
    SessionsModule.forRootAsync({
      imports: [SojournModule],
      inject: [Sojourn],
      useFactory: ({ opened }: Sojourn) => ({ sessions: opened.sessions, crossSite: "refuse" }),
    }),
  ],
  controllers: [ShopController, AccountController],
  providers: [{ provide: APP_FILTER, useClass: ErrorPageFilter }],
})
class AppModule {}

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  bodyParser: false,
  logger: ["error", "warn"],
});
app.enableShutdownHooks();
app.useStaticAssets(publicFolder);
app.useBodyParser("urlencoded", { extended: false, limit: "2kb" });

const { settings } = app.get(Sojourn);
await app.listen(settings.port);
const { port } = app.getHttpServer().address() as { port: number };
console.log(`The shop of Nest is on http://localhost:${port}, sessions in ${settings.place}`);
