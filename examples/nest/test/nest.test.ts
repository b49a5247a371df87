import { driveShop } from "../../shared/test/drive-shop.ts";
import { startExample } from "../../shared/test/start-example.ts";

driveShop({ name: "Nest", start: (env) => startExample("nest", env) });
