import type { Terminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";
import type { Step } from "./control-messages.ts";

/** Prints what a supervisor does for a command: for a person a line on stderr per step, for a program JSON on stdout. */
export const stepPrinter =
  ({ out, err, errColors }: Terminal, json: boolean) =>
  (step: Step): void => {
    if (json) {
      out(JSON.stringify(step));
      return;
    }
    const { process = step.service, pid, version, tookMs, note } = step;
    const word = step.step === "unfit" ? errColors.red(step.step.padEnd(12)) : step.step.padEnd(12);
    const more = [
      pid === undefined ? "" : `pid ${pid}`,
      version ?? "",
      tookMs === undefined ? "" : formatDuration(tookMs),
      note ?? "",
    ];
    err(`${process.padEnd(16)} ${word}  ${more.filter(Boolean).join("  ")}`.trimEnd());
  };
