import { join, resolve } from "node:path";

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
