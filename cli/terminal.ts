import { createColors } from "picocolors";
import type { LogFile } from "./log-file.ts";

/** The colours in force for one stream; each function returns its text unchanged where colours are off. */
export type Colors = ReturnType<typeof createColors>;

/** Where a command prints. Data goes to `out`, everything for the person to `err`. */
export interface Terminal {
  /** Prints one line of data. */
  out(line: string): void;
  /** Prints one line that is not data. */
  err(line: string): void;
  /** True: a person reads `out`. */
  readonly outIsTerminal: boolean;
  readonly outColors: Colors;
  readonly errColors: Colors;
}

/** The terminal of this process; NO_COLOR and FORCE_COLOR are respected. */
export const processTerminal = (env: NodeJS.ProcessEnv = process.env): Terminal => ({
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  outIsTerminal: process.stdout.isTTY === true,
  outColors: createColors(colorsWanted(env, process.stdout.isTTY === true)),
  errColors: createColors(colorsWanted(env, process.stderr.isTTY === true)),
});

/** A terminal that nobody watches: both streams, without colours, in one file whose size is bounded. */
export const fileTerminal = (file: LogFile): Terminal => ({
  out: (line) => file.write(`${line}\n`),
  err: (line) => file.write(`${line}\n`),
  outIsTerminal: false,
  outColors: createColors(false),
  errColors: createColors(false),
});

/** Decides by https://no-color.org, then by FORCE_COLOR, then by whether a terminal reads the stream. */
export const colorsWanted = (env: NodeJS.ProcessEnv, isTerminal: boolean): boolean => {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return isTerminal && env.TERM !== "dumb";
};
