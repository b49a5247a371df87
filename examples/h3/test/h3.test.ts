import { driveShop } from "../../shared/test/drive-shop.ts";
import { startExample } from "../../shared/test/start-example.ts";

driveShop({ name: "h3", start: (env) => startExample("h3", env) });
