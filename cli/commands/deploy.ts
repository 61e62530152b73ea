import { readFileSync, statSync } from "node:fs";
import { Command, Option } from "commander";
import { type DataFolder, dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, durationOption, jsonOption, timeoutOption } from "../mesh-options.ts";
import { askSupervisor } from "../rollout/ask-supervisor.ts";
import { checkContracts, checkFits, checkMigrations, refuseNarrowing } from "../rollout/check-release.ts";
import { readDeployment } from "../rollout/deployment-file.ts";
import { installPackage, removeOldReleases } from "../rollout/install-package.ts";
import { PACKAGE_BYTES_MAX, readPackage } from "../rollout/package-manifest.ts";
import { stepPrinter } from "../rollout/step-lines.ts";
import { chosenServices } from "../services.ts";
import { readState, supervisorLives } from "../state-file.ts";
import { processTerminal } from "../terminal.ts";
import { formatBytes } from "../units.ts";

interface Options {
  readonly from: string;
  readonly data?: string;
  readonly watch: number;
  readonly timeout: number;
  readonly contract?: boolean;
  readonly json?: boolean;
}

/** `heddle deploy`: gives a running service the release of a package. */
export const deployCommand = (): Command =>
  new Command("deploy")
    .description(
      "Replace the processes of a service by those of a package, without losing a call; back again if it is not fit.",
    )
    .argument("<service>", "which service")
    .requiredOption("--from <package.tgz>", "the package, as heddle pack makes it")
    .addOption(dataOption())
    .addOption(durationOption("--watch", "how long the first new process serves beside the old ones", 5_000))
    .addOption(timeoutOption("how long a process may take to be ready", 60_000))
    .addOption(new Option("--contract", "its migrations may take away what nothing that runs uses any more"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Before anything starts: the package is whole, the mesh takes its contracts, and the release that runs gets on with its migrations.
Then one process at a time: start, admission, readiness, a time beside the old ones, drain of an old one. A new one that is refused,
dies, is not ready in time or fails too many calls is taken back. Ctrl-C ends the command and not the rollout.

Examples:
  heddle deploy order --from order-1.4.0.tgz
  heddle deploy order --from order-1.4.0.tgz --watch 1m
  heddle rollout status order
  heddle rollout undo order`,
    )
    .action(async (service: string, options: Options) => {
      await chosenServices([service]);
      const folder = dataFolder(options.data);
      const terminal = processTerminal();
      const state = readState(folder.stateFile);
      if (state === undefined || !supervisorLives(state))
        throw new Failure(`No mesh runs on ${folder.path}.`, { next: "heddle up starts one; --data names another." });
      const { release: running } = readDeployment(folder.rollouts, service);
      const read = readPackage(readPackageFile(options.from));
      checkFits(read.manifest, service);
      await checkContracts(read, state.gateway, terminal);
      const installed = installPackage(folder, read);
      const plan = await checkMigrations(read, installed, running, folder);
      if (plan !== undefined) refuseNarrowing(plan, options.contract === true);
      if (!options.json)
        for (const { name } of plan?.migrations ?? []) terminal.err(`${service.padEnd(16)} migration     ${name}`);
      const request = {
        type: "deploy",
        kind: "deploy",
        service,
        release: read.release,
        expected: running,
        timeoutMs: options.timeout,
        watchMs: options.watch,
      } as const;
      const { outcome, reason } = await askSupervisor(folder, request, stepPrinter(terminal, options.json === true));
      tidyUp(folder, service);
      if (outcome === "rolled-back") {
        throw new Failure(`${service} ${read.release} was taken back: ${reason}.`, {
          next: `heddle logs ${service} shows what it said; ${running ?? "the working tree"} serves.`,
        });
      }
      if (options.json) return;
      if (readDeployment(folder.rollouts, service).replicas === 0) {
        terminal.err(`${service} ${read.release} is in force and untried: heddle scale ${service}=1 starts it.`);
      } else terminal.err(`${service} ${read.release} serves; heddle rollout undo ${service} goes back.`);
    });

const tidyUp = (folder: DataFolder, service: string): void => {
  removeOldReleases(folder, readDeployment(folder.rollouts, service));
};

const readPackageFile = (path: string): Uint8Array => {
  try {
    if (statSync(path).size <= PACKAGE_BYTES_MAX) return readFileSync(path);
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  throw new Failure(`${path} is larger than ${formatBytes(PACKAGE_BYTES_MAX)}: no package is.`);
};
