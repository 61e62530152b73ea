import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { Failure } from "../failure.ts";
import { jsonOption } from "../mesh-options.ts";
import { chosenServices } from "../services.ts";
import { processTerminal } from "../terminal.ts";
import { formatBytes } from "../units.ts";

/** `heddle pack`: makes a package of a service of the working tree. */
export const packCommand = (): Command =>
  new Command("pack")
    .description("Pack a service of this working tree into one file that heddle deploy takes.")
    .argument("<service>", "which service")
    .option("--output <file>", "where to write it (default: <service>-<version>.tgz)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nIt holds the bundled code, SQLite's binding for this platform, the contracts, the migrations, and a hash of each file.\nThe same sources give the same bytes.\n\nExamples:\n  heddle pack order\n  heddle pack order --output order.tgz && heddle deploy order --from order.tgz",
    )
    .action(async (service: string, options: { output?: string; json?: boolean }) => {
      await chosenServices([service]);
      // Bundling takes what no other command needs.
      const { packService } = await import("../rollout/pack.ts");
      const { archive, release, version } = await packService(service);
      const path = resolve(options.output ?? `${service}-${version}.tgz`);
      try {
        writeFileSync(path, archive);
      } catch (error) {
        throw new Failure(`${path} cannot be written: ${(error as Error).message}.`, {
          next: "Choose another file with --output.",
          cause: error,
        });
      }
      const { out, err } = processTerminal();
      if (options.json) out(JSON.stringify({ service, version, release, bytes: archive.length, path }));
      else {
        out(path);
        err(`${service} ${release}, ${formatBytes(archive.length)}`);
      }
    });
