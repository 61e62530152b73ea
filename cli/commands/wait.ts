import { systemClock, systemTimers } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, timeoutOption } from "../mesh-options.ts";
import { notServing } from "../registry.ts";
import {
  failedServices,
  type MeshState,
  readState,
  serviceNames,
  supervisorLives,
  throwIfRefused,
} from "../state-file.ts";
import { processTerminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

/** `heddle wait`: returns when every service of the mesh can be called. */
export const waitCommand = (): Command =>
  new Command("wait")
    .description("Wait until every service of the mesh can be called.")
    .addOption(dataOption())
    .addOption(timeoutOption("how long to wait", 60_000))
    .addHelpText("after", "\nExamples:\n  heddle wait\n  heddle up --detach && heddle wait --timeout 10s")
    .action(async (options: { data?: string; timeout: number }) => {
      const folder = dataFolder(options.data);
      const deadlineMs = systemClock.monotonicMs() + options.timeout;
      let missing = "no mesh runs there";
      while (systemClock.monotonicMs() < deadlineMs) {
        const state = readState(folder.stateFile);
        const failed = state && supervisorLives(state) ? failedServices(state) : [];
        if (failed.length > 0) {
          throw new Failure(`${failed.join(", ")} could not be started.`, { next: `heddle logs ${failed.join(" ")}` });
        }
        if (state && supervisorLives(state) && state.phase === "running") throwIfRefused(state);
        const found = state && supervisorLives(state) ? await missingOf(state) : "no mesh runs there";
        if (found === undefined && state) {
          processTerminal().err(`${serviceNames(state.services).length} services serve at ${state.gateway}.`);
          return;
        }
        missing = found ?? missing;
        await systemTimers.sleep(50);
      }
      throw new Failure(
        `Not all services of ${folder.path} serve after ${formatDuration(options.timeout)}: ${missing}.`,
        {
          next: "heddle up starts them, heddle status shows them, heddle logs says why.",
        },
      );
    });

/** What is still missing, in words; undefined when nothing is. */
const missingOf = async (state: MeshState): Promise<string | undefined> => {
  // One that leaves is missed by nobody: another is there, or it was not wanted.
  const starting = serviceNames(state.services.filter(({ state: now }) => now !== "ready" && now !== "stopping"));
  if (state.phase !== "running" || starting.length > 0) return starting.join(", ") || `the mesh is ${state.phase}`;
  if (!state.services.some(({ name }) => name === "gateway")) return undefined;
  const silent = await notServing(state.gateway);
  if (silent === undefined) return `the gateway does not answer at ${state.gateway}`;
  return silent.join(", ") || undefined;
};
