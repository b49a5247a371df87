import { createSojourn } from "sojourn";
import type { ShopData } from "../../shared/session-data.ts";
import { readSettings, sojournSettings } from "../../shared/settings.ts";

export const { sessions } = createSojourn<ShopData>(sojournSettings(readSettings(process.env)));
