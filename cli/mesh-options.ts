import { InvalidArgumentError, Option } from "commander";
import { formatDuration, parseDurationMs } from "./units.ts";

/** `--data`, as every command that works on a data folder has it. */
export const dataOption = (): Option =>
  new Option("--data <folder>", "data folder of the mesh (default: $HEDDLE_DATA, else ./data)");

/** `--gateway`, as every command that talks to a mesh has it. */
export const gatewayOption = (): Option =>
  new Option("--gateway <url>", "where the mesh answers (default: $HEDDLE_GATEWAY, else port $HEDDLE_PORT, else 8080)");

/** `--timeout`, whose value is milliseconds. */
export const timeoutOption = (description: string, defaultMs: number): Option =>
  durationOption("--timeout", description, defaultMs);

/** An option whose value is milliseconds. */
export const durationOption = (flag: `--${string}`, description: string, defaultMs: number): Option =>
  new Option(`${flag} <duration>`, `${description}, such as 30s or 2m`)
    .default(defaultMs, formatDuration(defaultMs))
    .argParser((text: string) => {
      const timeoutMs = parseDurationMs(text);
      if (timeoutMs === undefined) throw new InvalidArgumentError("Write it like 30s, 500ms or 2m.");
      return timeoutMs;
    });

/** More than that nobody reads, and a program asks for less at once. */
const LINES_MAX = 10_000;

/** `--lines`: how many items of a list are shown. */
export const linesOption = (): Option =>
  new Option("-n, --lines <number>", "how many").default(50).argParser((text: string) => {
    const lines = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (lines < 1 || lines > LINES_MAX) throw new InvalidArgumentError(`Write a number from 1 to ${LINES_MAX}.`);
    return lines;
  });

/** `--json`. */
export const jsonOption = (): Option => new Option("--json", "print JSON for programs");

/** The gateway in force for a command: the option, the mesh of the data folder, the environment, the default. */
export const gatewayUrl = (
  option: string | undefined,
  running: { readonly gateway: string } | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string =>
  option ??
  running?.gateway ??
  (env.HEDDLE_GATEWAY?.split(",")[0]?.trim() || `http://127.0.0.1:${env.HEDDLE_PORT || 8080}`);
