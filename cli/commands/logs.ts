import { existsSync } from "node:fs";
import { Command, Option } from "commander";
import { dataFolder } from "../data-folder.ts";
import { usageFailure } from "../failure.ts";
import { followLogs, lastLines } from "../log-reader.ts";
import { dataOption, jsonOption } from "../mesh-options.ts";
import { atLeast, formatLogLine, LOG_LEVELS, type LogLevel, type LogLine } from "../pretty-log.ts";
import { chosenServices } from "../services.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle logs`: the last lines of the services' logs, merged by time. */
export const logsCommand = (): Command =>
  new Command("logs")
    .description("Show the logs of all services, or of some.")
    .argument("[services...]", "services to show; all by default")
    .addOption(dataOption())
    .option("-f, --follow", "go on with new lines")
    .option("-n, --lines <count>", "how many lines to begin with", "50")
    .addOption(new Option("--level <level>", "the least grave level to show").choices(LOG_LEVELS).default("info"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle logs order billing -f\n  heddle logs --level error -n 20\n  heddle logs --json | jq 'select(.durationMs > 100)'",
    )
    .action(
      async (
        names: string[],
        options: { data?: string; follow?: boolean; lines: string; level: LogLevel; json?: boolean },
      ) => {
        const count = Number(options.lines);
        if (!Number.isInteger(count) || count < 0) throw usageFailure(`"${options.lines}" is not a number of lines.`);
        const folder = dataFolder(options.data);
        const { out, err, outColors, outIsTerminal } = processTerminal();
        const raw = options.json === true || !outIsTerminal;
        // In one process all services write one log, and each line names its service.
        const files = [...(await chosenServices(names)), "mesh"].flatMap((service) =>
          folder.logFiles(service).map((path) => ({ service, path })),
        );
        if (!files.some(({ path }) => existsSync(path)))
          err(`There is no log in ${folder.logs}: no mesh has run there.`);
        const wanted = (line: LogLine) =>
          atLeast(line, options.level) && (names.length === 0 || names.includes(line.service));
        const show = (line: LogLine) => out(raw ? line.text : formatLogLine(line, outColors));
        const { lines, tails } = lastLines(files, count, wanted);
        for (const line of lines) show(line);
        if (options.follow) await followLogs(tails, (line) => wanted(line) && show(line));
      },
    );
