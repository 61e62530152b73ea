import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, timeoutOption } from "../mesh-options.ts";
import { isAlive } from "../process-info.ts";
import { readState, replicaName, type ServiceState, serviceNames, supervisorLives } from "../state-file.ts";
import { processTerminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

/** `heddle down`: stops the mesh of a data folder, letting running calls finish. */
export const downCommand = (): Command =>
  new Command("down")
    .description("Stop the mesh, letting running calls finish.")
    .addOption(dataOption())
    .addOption(timeoutOption("how long to wait for its end", 30_000))
    .addHelpText("after", "\nExamples:\n  heddle down\n  heddle down --data /tmp/mesh --timeout 1m")
    .action(async (options: { data?: string; timeout: number }) => {
      const folder = dataFolder(options.data);
      const terminal = processTerminal();
      const state = readState(folder.stateFile);
      if (state === undefined || !supervisorLives(state)) {
        terminal.err(`No mesh runs on ${folder.path}.`);
        return;
      }
      const startMs = systemClock.monotonicMs();
      process.kill(state.supervisor.pid, "SIGTERM");
      const deadlineMs = startMs + options.timeout;
      while (isAlive(state.supervisor)) {
        if (systemClock.monotonicMs() > deadlineMs) {
          throw new Failure(`The mesh still runs after ${formatDuration(options.timeout)}.`, {
            next: `Wait with a longer --timeout, or end it at once: kill ${state.supervisor.pid}.`,
          });
        }
        await systemTimers.sleep(25);
      }
      const ended = readState(folder.stateFile);
      const nameOf = ({ name, replica }: ServiceState) => replicaName(name, replica);
      const killed = ended?.services.filter((service) => service.state === "killed").map(nameOf) ?? [];
      const cut =
        ended?.services.filter((service) => service.lastExit?.code !== 0 && service.state === "stopped").map(nameOf) ??
        [];
      if (killed.length + cut.length > 0) {
        throw new Failure(`Stopped, but not cleanly: ${[...killed, ...cut].join(", ")}.`, {
          next: "heddle logs shows which calls were cut.",
        });
      }
      terminal.err(
        `${serviceNames(state.services).length} services stopped in ${formatDuration(systemClock.monotonicMs() - startMs)}; every call was finished.`,
      );
    });
