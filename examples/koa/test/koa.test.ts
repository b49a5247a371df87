import { driveShop } from "../../shared/test/drive-shop.ts";
import { startExample } from "../../shared/test/start-example.ts";

driveShop({ name: "Koa", start: (env) => startExample("koa", env) });
