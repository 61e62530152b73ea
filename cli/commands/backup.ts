import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "@heddle/mesh/runtime";
import { backupFile } from "@heddle/mesh/store";
import { Command } from "commander";
import { type BackupManifest, sha256Of, writeManifest } from "../backup-manifest.ts";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, jsonOption } from "../mesh-options.ts";
import { chosenServices } from "../services.ts";
import { formatTable } from "../table.ts";
import { processTerminal } from "../terminal.ts";
import { formatBytes } from "../units.ts";

/** `heddle backup`: copies the services' databases while they run. */
export const backupCommand = (): Command =>
  new Command("backup")
    .description("Copy the services' databases to a folder, each as of one moment, checked, while they run.")
    .argument("<folder>", "where to; made when it does not exist, and nothing in it is overwritten")
    .argument("[services...]", "services to copy; all by default")
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle backup backups/2026-01-31\n  heddle backup /mnt/backup billing order")
    .action(async (target: string, names: string[], options: { data?: string; json?: boolean }) => {
      const folder = dataFolder(options.data);
      const { out, err, outColors } = processTerminal();
      const services = (await chosenServices(names)).filter((name) => existsSync(folder.database(name)));
      const without = names.filter((name) => !services.includes(name));
      if (without.length > 0)
        throw new Failure(`${without.join(", ")}: no database in ${folder.path}.`, { next: "Check --data." });
      if (services.length === 0)
        throw new Failure(`There is no database in ${folder.path}.`, { next: "Check --data." });
      mkdirSync(target, { recursive: true, mode: 0o700 });
      const copies: (BackupManifest & { path: string })[] = [];
      for (const service of services) {
        const path = resolve(join(target, `${service}.db`));
        err(`copying ${service}`);
        await copyWithManifest(folder.database(service), path).then(
          (manifest) => copies.push({ ...manifest, path }),
          (error: Error) => {
            throw new Failure(`${service} was not copied: ${error.message}`, {
              next:
                copies.length > 0
                  ? `Complete are ${copies.map((copy) => copy.service).join(", ")}.`
                  : "Choose another folder.",
              cause: error,
            });
          },
        );
      }
      const keys = join(folder.path, "socialsecurity", "dev-keys.json");
      if (services.includes("socialsecurity") && existsSync(keys)) {
        err(
          `not copied: ${keys}. Without these keys the numbers in the copy cannot be read; keep them, apart from it.`,
        );
      }
      if (options.json) {
        out(JSON.stringify(copies));
        return;
      }
      const columns = [
        { heading: "SERVICE" },
        { heading: "SIZE", align: "right" as const },
        { heading: "ROWS", align: "right" as const },
        { heading: "LAST EVENT", align: "right" as const },
        { heading: "CHECKED COPY" },
      ];
      const cells = copies.map(({ service, bytes, rows, lastEventSequence, path }) => [
        service,
        formatBytes(bytes),
        String(Object.values(rows).reduce((sum, count) => sum + count, 0)),
        String(lastEventSequence),
        path,
      ]);
      for (const line of formatTable(columns, cells, outColors.bold)) out(line);
    });

const copyWithManifest = async (file: string, path: string): Promise<BackupManifest> => {
  const manifestFile = path.replace(/\.db$/, ".json");
  if (existsSync(manifestFile)) throw new Error(`${manifestFile} exists already; a backup overwrites nothing.`);
  const time = new Date(systemClock.nowMs()).toISOString();
  const contents = await backupFile(file, path);
  const manifest = { version: 1 as const, time, bytes: statSync(path).size, sha256: await sha256Of(path), ...contents };
  writeManifest(manifestFile, manifest);
  return manifest;
};
