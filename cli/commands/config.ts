import { ConfigError, describeConfig } from "@heddle/mesh/service";
import { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { jsonOption } from "../mesh-options.ts";
import { chosenServices, loadDefinition } from "../services.ts";
import { formatTable } from "../table.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle config`: the configuration in force, and where each value came from. */
export const configCommand = (): Command =>
  new Command("config")
    .description("Show the configuration in force for each service, and where each value came from.")
    .argument("[services...]", "services to show; all by default")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nSecrets are shown as ***.\n\nExamples:\n  heddle config customer\n  HEDDLE_PORT=9090 heddle config --json",
    )
    .action(async (names: string[], options: { json?: boolean }) => {
      const definitions = await Promise.all((await chosenServices(names)).map(loadDefinition));
      const { out, outColors } = processTerminal();
      try {
        const rows = describeConfig(definitions, process.env);
        if (options.json) {
          out(JSON.stringify(rows));
          return;
        }
        const columns = ["SERVICE", "VARIABLE", "VALUE", "FROM", "WHAT"].map((heading) => ({ heading }));
        const cells = rows.map(({ service, name, value, source, description }) => [
          service,
          name,
          value,
          source,
          description,
        ]);
        for (const line of formatTable(columns, cells, outColors.bold)) out(line);
      } catch (error) {
        if (error instanceof ConfigError) throw usageFailure(error.message);
        throw error;
      }
    });
