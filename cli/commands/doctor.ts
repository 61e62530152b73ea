import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { CHECKS, type Finding } from "../doctor-checks.ts";
import { EXIT } from "../exit-code.ts";
import { dataOption, jsonOption } from "../mesh-options.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle doctor`: finds what keeps a mesh from running, and says what to do. */
export const doctorCommand = (): Command =>
  new Command("doctor")
    .description("Find what keeps a mesh from running, and say what to do. Exit status 1 when something does.")
    .addOption(dataOption())
    .option("--port <port>", "the port to look at (default: $HEDDLE_PORT, else 8080)")
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle doctor\n  heddle doctor --port 9090 --data /tmp/mesh")
    .action(async (options: { data?: string; port?: string; json?: boolean }) => {
      const subject = {
        folder: dataFolder(options.data),
        port: Number(options.port ?? (process.env.HEDDLE_PORT || 8080)),
      };
      const { out, outColors } = processTerminal();
      const findings: Finding[] = [];
      for (const check of CHECKS) {
        const finding = { name: check.name, ...(await check.run(subject)) };
        findings.push(finding);
        if (options.json) continue;
        out(
          `${finding.ok ? outColors.green("ok     ") : outColors.red("problem")}  ${finding.name.padEnd(16)} ${finding.found}`,
        );
        if (finding.fix !== undefined) out(`${" ".repeat(9)}${"".padEnd(16)} ${outColors.dim("fix:")} ${finding.fix}`);
      }
      if (options.json) out(JSON.stringify(findings));
      process.exitCode = findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
    });
