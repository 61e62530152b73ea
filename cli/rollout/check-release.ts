import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { CheckVerdict, ContractService } from "@heddle/contracts/heddle/contract/v1";
import { declaredStatements, type MigrationPlan, planMigrations, StoreStartError } from "@heddle/mesh/store";
import { checkLines } from "../contract-check-lines.ts";
import { contractsOf } from "../contracts.ts";
import type { DataFolder } from "../data-folder.ts";
import { EXIT } from "../exit-code.ts";
import { Failure } from "../failure.ts";
import { orFailure } from "../rpc-failure.ts";
import { GATEWAY, loadDefinition } from "../services.ts";
import type { Terminal } from "../terminal.ts";
import { DAY_MS } from "../units.ts";
import { type PackageManifest, type ReadPackage, STATEMENTS_FILE, thisPlatform } from "./package-manifest.ts";

/** Callers of so many days are named where a contract would break them. */
const CALLERS_DAYS = 30;

/** Throws a Failure when a package is not of this service, or was not made for this Node and machine. */
export const checkFits = ({ service, nodeMajor, platform }: PackageManifest, wanted: string): void => {
  const here = thisPlatform();
  if (service !== wanted)
    throw new Failure(`This is a package of ${service}, not of ${wanted}.`, { next: `heddle deploy ${service} …` });
  if (nodeMajor === here.nodeMajor && platform === here.platform) return;
  throw new Failure(
    `This package is for Node ${nodeMajor} on ${platform}; here is Node ${here.nodeMajor} on ${here.platform}.`,
    { next: "Pack it on a machine of this kind." },
  );
};

/**
 * Asks the running mesh what it would say of the contracts of a package, before anything starts.
 *
 * @throws Failure with exit status 100 where callers would break, and what a failed RPC throws.
 */
export const checkContracts = async (
  { manifest, files }: ReadPackage,
  gateway: string,
  terminal: Terminal,
): Promise<void> => {
  // The gateway's own contracts are admitted by nobody.
  if (manifest.service === GATEWAY) return;
  for (const { package: name, file } of manifest.contracts) {
    const fileDescriptorSet = files.find(({ path }) => path === file)?.bytes ?? new Uint8Array();
    const callersWithin = durationFromMs(CALLERS_DAYS * DAY_MS);
    const call = contractsOf(gateway).checkContracts({ fileDescriptorSet, packages: [name], callersWithin });
    const { packages } = await orFailure(ContractService.method.checkContracts, call, terminal);
    const broken = packages.filter(({ verdict }) => verdict === CheckVerdict.BREAKING);
    if (broken.length === 0) continue;
    for (const each of broken)
      for (const line of checkLines(each, ".", CALLERS_DAYS, terminal.errColors)) terminal.err(line);
    throw new Failure(`The mesh would refuse ${name} of ${manifest.service} ${manifest.version}.`, {
      next: `Release the next version of the package beside it, or let it in: heddle contracts allow ${name} --next --reason <why>.`,
      exitCode: EXIT.breaks,
    });
  }
};

/** What a package would do to the database of its service, for the release that runs now; undefined where it has none. */
export const checkMigrations = async (
  { manifest }: ReadPackage,
  installed: string,
  running: string | null,
  folder: DataFolder,
): Promise<MigrationPlan | undefined> => {
  const { service, migrations } = manifest;
  const folderOf = (owner: "heddle" | "service"): URL | undefined => {
    const path = migrations.find((each) => each.owner === owner)?.folder;
    return path === undefined ? undefined : pathToFileURL(`${join(installed, path)}/`);
  };
  const [heddle, own] = [folderOf("heddle"), folderOf("service")];
  if (heddle === undefined || own === undefined) return undefined;
  const statements = await statementsOf(service, running, folder);
  try {
    return planMigrations({ file: folder.database(service), service, folders: { heddle, service: own }, statements });
  } catch (error) {
    if (error instanceof StoreStartError)
      throw new Failure(`${service} ${manifest.version} cannot open the database: ${error.message}`);
    throw error;
  }
};

/**
 * Throws a Failure where the release that runs now, or one that an undo goes back to, might not get on with the migrations. `mayContract`:
 * an operator says that nothing uses any more what they take away; what the running release's statements show still counts.
 */
export const refuseNarrowing = ({ migrations, brokenStatements }: MigrationPlan, mayContract: boolean): void => {
  if (brokenStatements.length > 0) {
    throw new Failure(`The running release could not go on after the migrations:\n${indented(brokenStatements)}`, {
      next: "Add first, deploy code that no longer uses the old, and take the old away with the release after it.",
    });
  }
  const narrowing = migrations.filter(({ narrowings }) => narrowings.length > 0);
  if (mayContract || narrowing.length === 0) return;
  const lines = narrowing.flatMap(({ name, narrowings }) => narrowings.map((why) => `${name}: ${why}`));
  throw new Failure(`The running release may not get on with the migrations:\n${indented(lines)}`, {
    next: "Only add, or deploy it with --contract when nothing that runs uses this any more; there is no undo behind it.",
  });
};

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join("\n");

const statementsOf = async (service: string, running: string | null, folder: DataFolder): Promise<string[]> => {
  if (running !== null) {
    const file = join(folder.packageFolder(service, running), STATEMENTS_FILE);
    return JSON.parse(readFileSync(file, "utf8")) as string[];
  }
  // Its modules declare them when they are loaded.
  await loadDefinition(service);
  return declaredStatements();
};
