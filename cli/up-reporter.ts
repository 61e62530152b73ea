import { formatLogLine } from "./pretty-log.ts";
import { replicaName } from "./state-file.ts";
import type { SupervisorEvent } from "./supervisor.ts";
import type { Terminal } from "./terminal.ts";
import { formatDuration } from "./units.ts";

/** Tells a person what the supervisor does: a line per service that is ready on stdout, everything else on stderr. */
export const upReporter =
  (terminal: Terminal) =>
  (event: SupervisorEvent): void => {
    const { out, err, outColors, errColors } = terminal;
    switch (event.type) {
      case "ready": {
        const { address = "", process, restarts } = event.service;
        const name = replicaName(event.service.name, event.service.replica);
        const again = restarts > 0 ? ` (start ${restarts + 1})` : "";
        const took = formatDuration(event.readyAfterMs);
        out(
          `${outColors.bold(name.padEnd(16))} ready  ${address.padEnd(22)} pid ${process?.pid ?? "?"}  ${took}${again}`,
        );
        return;
      }
      case "refused": {
        const { refusal } = event.service;
        const name = replicaName(event.service.name, event.service.replica);
        // The service's own line in the log says the rest.
        err(`${errColors.red(name.padEnd(16))} refused: ${refusal?.message ?? ""}`);
        for (const violation of refusal?.violations ?? []) err(`${" ".repeat(17)}${violation}`);
        for (const step of refusal?.nextSteps ?? []) err(`${errColors.dim("next:".padStart(22))}  ${step}`);
        return;
      }
      case "hung":
        err(
          `${errColors.red(event.program.name)} has given no sign of life for ${formatDuration(event.silentMs)} and is killed; HEDDLE_HANG_MS=0 lets it be`,
        );
        return;
      case "died":
        err(
          `${errColors.yellow(event.program.name)} ${howItEnded(event.exit)}; starts again in ${formatDuration(event.restartInMs)}`,
        );
        return;
      case "gave-up":
        err(
          `${errColors.red(event.program.name)} ${howItEnded(event.exit)} and is not started again; see heddle logs ${event.program.name}`,
        );
        return;
      case "stopped":
        err(
          `${event.program.name.padEnd(16)} ${event.killed ? errColors.red("killed") : "stopped"} after ${formatDuration(event.afterMs)}`,
        );
        return;
      case "counted":
        return;
      case "grave-line":
        err(formatLogLine(event.line, errColors));
        return;
    }
  };

const howItEnded = ({ code, signal }: { code: number | null; signal: string | null }): string =>
  signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
