import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@heddle/mesh/runtime";
import type { DataFolder } from "./data-folder.ts";
import { Failure } from "./failure.ts";
import type { Program } from "./program.ts";
import { deploymentsAtStart } from "./rollout/control-handler.ts";
import type { HeldPort } from "./rollout/held-port.ts";
import { ENTRY_FILE } from "./rollout/package-manifest.ts";
import { GATEWAY, mainFile } from "./services.ts";
import { replicaName } from "./state-file.ts";

/** Makes the program of one process of a service. */
export type ProgramOf = (service: string, replica: number, release: string | undefined) => Program;

/** The program of one process of a service. Of the gateway it takes its connections from the port that is held for it. */
export const programsOf =
  (folder: DataFolder, env: NodeJS.ProcessEnv, port: HeldPort | undefined): ProgramOf =>
  (service, replica, release) => ({
    name: replicaName(service, replica),
    services: [service],
    replica,
    release,
    file: release === undefined ? mainFile(service) : join(folder.packageFolder(service, release), ENTRY_FILE),
    env,
    isGateway: service === GATEWAY,
    listenFd: service === GATEWAY ? port?.fd : undefined,
  });

/** What was deployed last, as often as it was scaled. */
export const programsAtStart = (
  folder: DataFolder,
  services: readonly string[],
  counts: Readonly<Record<string, number>>,
  programOf: ProgramOf,
): Program[] =>
  [...deploymentsAtStart(folder.rollouts, services, counts, systemClock)].flatMap(
    ([service, { release, replicas }]) => {
      const programs = Array.from({ length: replicas }, (_, index) =>
        programOf(service, index + 1, release ?? undefined),
      );
      const lost = programs.find(({ file }) => !existsSync(file));
      if (lost === undefined) return programs;
      throw new Failure(`The release ${release} of ${service} is in force, and ${lost.file} is missing.`, {
        next: `Put the folder back, or take ${join(folder.rollouts, `${service}.json`)} away to run the working tree.`,
      });
    },
  );

/** All services in one process. */
export const oneProgram = (services: string[], env: NodeJS.ProcessEnv): Program => ({
  name: "mesh",
  services,
  file: fileURLToPath(new URL("./single-process.ts", import.meta.url)),
  args: services,
  env,
  isGateway: true,
});
