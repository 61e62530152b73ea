import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "@heddle/mesh/runtime";
import { restoreFile, verifyCopy } from "@heddle/mesh/store";
import { Command } from "commander";
import { type BackupManifest, readManifest, sha256Of } from "../backup-manifest.ts";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, jsonOption } from "../mesh-options.ts";
import { chosenServices } from "../services.ts";
import { meshRunsFailure, readState, supervisorLives } from "../state-file.ts";
import { formatTable } from "../table.ts";
import { processTerminal } from "../terminal.ts";

interface Copy {
  readonly service: string;
  readonly path: string;
  readonly manifest: BackupManifest;
}

/** `heddle restore`: puts the copies of `heddle backup` in the place of the services' databases. */
export const restoreCommand = (): Command =>
  new Command("restore")
    .description("Put copies made by heddle backup in the place of the services' databases, while the mesh is down.")
    .argument("<folder>", "where heddle backup has put them")
    .argument("[services...]", "services to restore; all in the folder by default")
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nWhat was there before is moved aside, not removed.\n\nExamples:\n  heddle down && heddle restore backups/2026-01-31\n  heddle restore backups/2026-01-31 billing",
    )
    .action(async (source: string, names: string[], options: { data?: string; json?: boolean }) => {
      const folder = dataFolder(options.data);
      const { out, err, outColors } = processTerminal();
      const state = readState(folder.stateFile);
      if (state !== undefined && supervisorLives(state)) throw meshRunsFailure(state, folder.path);
      const copies = await copiesIn(resolve(source), await chosenServices(names), names.length > 0);
      // All are looked at before the first is put in place.
      for (const { service, path, manifest } of copies) {
        err(`verifying ${service}`);
        await verify(service, path, manifest);
      }
      const time = new Date(systemClock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
      const done: ReturnType<typeof place>[] = [];
      for (const copy of copies) {
        err(`restoring ${copy.service}`);
        try {
          done.push(place(copy, folder.database(copy.service), time));
        } catch (cause) {
          const restored = done.map(({ service }) => service).join(", ");
          throw new Failure(`${copy.service} was not restored: ${(cause as Error).message}`, {
            next: `End what uses it, and restore it alone.${restored && ` Restored were ${restored}.`}`,
            cause,
          });
        }
      }
      for (const { service, lastEventSequence } of done) {
        const { before, after } = lastEventSequence;
        if (before === undefined || before === after) continue;
        err(
          `${service}: its last event was ${before} and is ${after} now. Services that followed it further will report DIVERGED; see heddle events status.`,
        );
      }
      if (options.json) {
        out(JSON.stringify(done));
        return;
      }
      const columns = [
        { heading: "SERVICE" },
        { heading: "LAST EVENT", align: "right" as const },
        { heading: "BEFORE", align: "right" as const },
        { heading: "MOVED ASIDE" },
      ];
      const cells = done.map(({ service, lastEventSequence: { before, after }, movedAside }) => [
        service,
        String(after),
        before === undefined ? "-" : String(before),
        movedAside.join(" ") || "-",
      ]);
      for (const line of formatTable(columns, cells, outColors.bold)) out(line);
    });

const copiesIn = async (source: string, services: readonly string[], named: boolean): Promise<Copy[]> => {
  const files = services.map((service) => ({
    service,
    path: join(source, `${service}.db`),
    manifestPath: join(source, `${service}.json`),
  }));
  const missing = files.filter(({ manifestPath, path }) => !(existsSync(manifestPath) && existsSync(path)));
  if (named && missing.length > 0)
    throw new Failure(`${source} has no backup of ${missing.map(({ service }) => service).join(", ")}.`, {
      next: "A backup of a service is two files, <service>.db and <service>.json.",
    });
  const found = files.filter((file) => !missing.includes(file));
  if (found.length === 0)
    throw new Failure(`${source} has no backup of any service.`, {
      next: "Name a folder that heddle backup has written.",
    });
  return found.map(({ service, path, manifestPath }) => ({ service, path, manifest: readManifest(manifestPath) }));
};

const verify = async (service: string, path: string, manifest: BackupManifest): Promise<void> => {
  const next = "Nothing was changed. Take another backup, or restore the other services by their names.";
  if (manifest.service !== service)
    throw new Failure(`The manifest beside ${path} is of ${manifest.service}, not of ${service}.`, { next });
  if ((await sha256Of(path)) !== manifest.sha256)
    throw new Failure(`${path} was changed since it was made: its SHA-256 is not that of its manifest.`, { next });
  try {
    verifyCopy(path, manifest);
  } catch (cause) {
    throw new Failure((cause as Error).message, { next, cause });
  }
};

const place = ({ service, path, manifest }: Copy, file: string, time: string) => {
  const { movedAside, lastEventBefore } = restoreFile(path, file, `${file}.before-restore-${time}`);
  return {
    service,
    path: file,
    backupTime: manifest.time,
    lastEventSequence: { before: lastEventBefore, after: manifest.lastEventSequence },
    movedAside,
  };
};
