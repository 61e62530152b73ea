import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { dataOption, jsonOption, timeoutOption } from "../mesh-options.ts";
import { parseReplicaCounts } from "../replica-counts.ts";
import { askSupervisor } from "../rollout/ask-supervisor.ts";
import { stepPrinter } from "../rollout/step-lines.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle scale`: starts or drains processes of services until there are as many as asked for. */
export const scaleCommand = (): Command =>
  new Command("scale")
    .description("Run as many processes of a service as asked for; the others go on untouched.")
    .argument("<service=count...>", "processes by service, such as customer=3")
    .addOption(dataOption())
    .addOption(timeoutOption("how long a process may take to be ready", 60_000))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nOne that goes leaves the registry, finishes its calls and ends. All processes of a service share its database.\n\nExamples:\n  heddle scale customer=3 order=2\n  heddle scale customer=1",
    )
    .action(async (texts: string[], options: { data?: string; timeout: number; json?: boolean }) => {
      const terminal = processTerminal();
      const request = { type: "scale", counts: await parseReplicaCounts(texts), timeoutMs: options.timeout } as const;
      await askSupervisor(dataFolder(options.data), request, stepPrinter(terminal, options.json === true));
    });
