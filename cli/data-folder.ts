import { join, resolve } from "node:path";
import { Failure } from "./failure.ts";

/** The paths that `heddle` keeps below a data folder. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly stateFile: string;
  readonly logs: string;
  /** The current log of one service; the one before has `.1` at its end. */
  logFile(service: string): string;
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
    logFile: (service) => join(logs, `${service}.log`),
    database: (service) => join(path, service, `${service}.db`),
  };
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
