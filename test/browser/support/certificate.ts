import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** SHA-256 of its public key, in base64: Chromium trusts a certificate that is named so. */
  readonly fingerprint: string;
}

/** A certificate of the tests' own, for all hosts of `.test` that they use. */
export function makeCertificate(hosts: readonly string[]): Certificate {
  const folder = makeTemporaryFolder();
  try {
    const [certPath, keyPath] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
    const algorithm = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const names = [
      "-subj",
      "/CN=sojourn",
      "-addext",
      `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(",")}`,
    ];
    const output = ["-keyout", keyPath, "-out", certPath];
    execFileSync("openssl", ["req", "-x509", "-days", "2", ...algorithm, ...names, ...output], {
      stdio: "pipe",
    });
    const [cert, key] = [readFileSync(certPath), readFileSync(keyPath)];
    const publicKey = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
    return { cert, key, fingerprint: createHash("sha256").update(publicKey).digest("base64") };
  } finally {
    deleteFolder(folder);
  }
}
