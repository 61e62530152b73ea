import { join } from "node:path";
import { BASELINE } from "./breaking.ts";
import { ROOT, runTool } from "./run-tool.ts";
import { fillThirdPartyProtos, THIRD_PARTY_FOLDER } from "./third-party-protos.ts";

/**
 * Makes the protos as they are now the released contracts: writes the image that `make breaking` compares with. To be
 * committed together with the change that is released. Throws when the protos do not compile.
 */
export function releaseContracts(): void {
  fillThirdPartyProtos(join(ROOT, THIRD_PARTY_FOLDER));
  runTool("buf", ["build", "proto", "--exclude-source-info", "--output", BASELINE]);
}

if (import.meta.main) {
  try {
    releaseContracts();
    console.log(`${BASELINE} holds the released contracts now. Commit it with the protos.`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
