import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, jsonOption, timeoutOption } from "../mesh-options.ts";
import { askSupervisor } from "../rollout/ask-supervisor.ts";
import { readDeployment } from "../rollout/deployment-file.ts";
import { stepPrinter } from "../rollout/step-lines.ts";
import { chosenServices } from "../services.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle restart`: gives each process of a service a successor of the same release. */
export const restartCommand = (): Command =>
  new Command("restart")
    .description("Replace the processes of a service by new ones of the same release, without losing a call.")
    .argument("<service>", "whose processes")
    .addOption(dataOption())
    .addOption(timeoutOption("how long a process may take to be ready", 60_000))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nOne at a time: the new process is ready before the old one drains. When a new one fails, the old ones stay.\n\nExamples:\n  heddle restart customer\n  heddle restart gateway --json",
    )
    .action(async (service: string, options: { data?: string; timeout: number; json?: boolean }) => {
      await chosenServices([service]);
      const request = { type: "restart", service, timeoutMs: options.timeout } as const;
      const folder = dataFolder(options.data);
      const terminal = processTerminal();
      const print = stepPrinter(terminal, options.json === true);
      const { outcome, reason } = await askSupervisor(folder, request, print);
      const { replicas } = readDeployment(folder.rollouts, service);
      if (replicas === 0) terminal.err(`${service} has no process; heddle scale ${service}=1 starts one.`);
      if (outcome === "done") return;
      throw new Failure(`${service} was not restarted: ${reason}.`, { next: `heddle logs ${service}` });
    });
