import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Failure } from "./failure.ts";

/** The paths that `heddle` keeps below a data folder. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly stateFile: string;
  readonly logs: string;
  /** Where the supervisor listens to the other commands. */
  readonly controlSocket: string;
  /** What was deployed, a file for each service. */
  readonly rollouts: string;
  /** The folder of one release of a service, such as `1.4.0+3fa94c1d2b77`. */
  packageFolder(service: string, release: string): string;
  /** The current log of one process, such as `customer#2`; the one before has `.1` at its end. */
  logFile(process: string): string;
  /** The current logs of all processes of a service that there ever were; that of its first also before there is one. */
  logFiles(service: string): string[];
  /** The database of one service. */
  database(service: string): string;
}

/** The data folder of `--data`, else of HEDDLE_DATA, else `./data`. */
export const dataFolder = (option: string | undefined, env: NodeJS.ProcessEnv = process.env): DataFolder => {
  const path = resolve(option ?? (env.HEDDLE_DATA || "data"));
  const logs = join(path, ".heddle", "logs");
  return {
    path,
    stateFile: join(path, ".heddle", "mesh.json"),
    logs,
    controlSocket: join(path, ".heddle", "control.sock"),
    rollouts: join(path, ".heddle", "rollouts"),
    packageFolder: (service, release) => join(path, ".heddle", "packages", service, release),
    logFile: (process) => join(logs, `${process}.log`),
    logFiles: (service) => [
      join(logs, `${service}.log`),
      ...namesIn(logs).flatMap((name) =>
        name.startsWith(`${service}#`) && name.endsWith(".log") ? [join(logs, name)] : [],
      ),
    ],
    database: (service) => join(path, service, `${service}.db`),
  };
};

/** The names of what is in a folder, sorted; none where there is no such folder. */
const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
};

/** What to tell when a data folder cannot be made or written; anything else is handed back as it is. */
export const unusableFolder = (folder: DataFolder, error: unknown): unknown => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !["EACCES", "EEXIST", "ENOENT", "ENOTDIR", "EPERM", "EROFS", "ENOSPC"].includes(code))
    return error;
  return new Failure(`${folder.path} cannot be the data folder: ${message}.`, {
    next: "Choose a folder that you can write with --data or HEDDLE_DATA.",
    cause: error,
  });
};
