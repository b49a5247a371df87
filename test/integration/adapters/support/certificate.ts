import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

/** A certificate for localhost that nobody trusts, and its key. */
export function certificate(): { cert: Buffer; key: Buffer } {
  const folder = temporaryFolder();
  const [cert, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const output = ["-keyout", key, "-out", cert, "-subj", "/CN=localhost"];
  execFileSync("openssl", ["req", "-x509", "-days", "1", ...algorithm, ...output], { stdio: "pipe" });
  return { cert: readFileSync(cert), key: readFileSync(key) };
}
