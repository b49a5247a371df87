import { Injectable, Module, type OnApplicationShutdown } from "@nestjs/common";
import { createSojourn } from "sojourn";
import type { ShopData } from "../shared/session-data.ts";
import { readSettings, sojournSettings } from "../shared/settings.ts";

/** The connections of the shop, which are closed with the application. */
@Injectable()
export class Sojourn implements OnApplicationShutdown {
  readonly settings = readSettings(process.env);
  readonly opened = createSojourn<ShopData>(sojournSettings(this.settings));

  async onApplicationShutdown(): Promise<void> {
    await this.opened.close();
  }
}

@Module({ providers: [Sojourn], exports: [Sojourn] })
export class SojournModule {}
