import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { Failure } from "../failure.ts";
import { dataOption, durationOption, jsonOption, linesOption, timeoutOption } from "../mesh-options.ts";
import { askSupervisor } from "../rollout/ask-supervisor.ts";
import { type Rollout, readDeployment, releaseBefore } from "../rollout/deployment-file.ts";
import { stepPrinter } from "../rollout/step-lines.ts";
import { chosenServices } from "../services.ts";
import { readState, replicaName, supervisorLives } from "../state-file.ts";
import { formatTable } from "../table.ts";
import { processTerminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

/** `heddle rollout`: what was deployed, and the way back. */
export const rolloutCommand = (): Command =>
  new Command("rollout")
    .description("See what was deployed, and go back.")
    .addHelpText(
      "after",
      "\nExamples:\n  heddle rollout status\n  heddle rollout history order\n  heddle rollout undo order",
    )
    .addCommand(statusCommand())
    .addCommand(historyCommand())
    .addCommand(undoCommand());

/** The release of the sources that heddle itself runs from. */
const WORKING_TREE = "working tree";

const statusCommand = (): Command =>
  new Command("status")
    .description("Show the release in force of each service, and what each process runs.")
    .argument("[services...]", "which; all by default")
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle rollout status\n  heddle rollout status order --json | jq '.processes[].pid'",
    )
    .action(async (names: string[], options: { data?: string; json?: boolean }) => {
      const folder = dataFolder(options.data);
      const written = readState(folder.stateFile);
      const processes = written !== undefined && supervisorLives(written) ? written.services : [];
      const rows = (await chosenServices(names)).map((service) => {
        const { release, replicas, rollouts } = readDeployment(folder.rollouts, service);
        const last = rollouts.at(-1);
        const own = processes.filter(({ name }) => name === service);
        return {
          service,
          release,
          replicas,
          lastRollout: last && {
            number: last.number,
            release: last.release,
            outcome: last.outcome,
            reason: last.reason,
          },
          processes: own.map(({ name, replica, release: runs = null, state, process }) => {
            return { process: replicaName(name, replica), pid: process?.pid, release: runs, state };
          }),
        };
      });
      const { out, outColors } = processTerminal();
      if (options.json) {
        for (const row of rows) out(JSON.stringify(row));
        return;
      }
      const columns = ["SERVICE", "RELEASE", "LAST ROLLOUT", "PROCESSES"].map((heading) => ({ heading }));
      const cells = rows.map(({ service, release, lastRollout, processes: own }) => [
        service,
        release ?? WORKING_TREE,
        lastRollout === undefined ? "" : `${lastRollout.number} ${lastRollout.outcome}`,
        own
          .map(
            ({ process, release: runs, state }) =>
              `${process} ${state}${runs === release ? "" : ` (${runs ?? WORKING_TREE})`}`,
          )
          .join(", "),
      ]);
      for (const line of formatTable(columns, cells, outColors.bold)) out(line);
    });

const historyCommand = (): Command =>
  new Command("history")
    .description("List the rollouts of a service, latest first.")
    .argument("<service>", "which service")
    .addOption(linesOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle rollout history order\n  heddle rollout history order -n 1 --json | jq .outcome",
    )
    .action(async (service: string, options: { data?: string; lines: number; json?: boolean }) => {
      await chosenServices([service]);
      const { rollouts } = readDeployment(dataFolder(options.data).rollouts, service);
      const latest = rollouts.toReversed().slice(0, options.lines);
      const { out, err, outColors } = processTerminal();
      if (options.json) {
        for (const each of latest) out(JSON.stringify(each));
        return;
      }
      if (latest.length === 0)
        err(`Nothing of ${service} was deployed on this folder: it runs from the ${WORKING_TREE}.`);
      const columns = ["#", "KIND", "RELEASE", "FROM", "BEGAN", "TOOK", "OUTCOME"].map((heading) => ({ heading }));
      if (latest.length > 0) for (const line of formatTable(columns, latest.map(cellsOf), outColors.bold)) out(line);
    });

const cellsOf = ({ number, kind, release, from, startMs, endMs, outcome, reason }: Rollout): string[] => [
  String(number),
  kind,
  release ?? WORKING_TREE,
  from ?? WORKING_TREE,
  new Date(startMs).toISOString().slice(0, 19).replace("T", " "),
  endMs === undefined ? "" : formatDuration(endMs - startMs),
  reason === undefined ? outcome : `${outcome}: ${reason.split("\n")[0]}`,
];

const undoCommand = (): Command =>
  new Command("undo")
    .description("Give a service the release that it had before the one in force.")
    .argument("<service>", "which service")
    .addOption(dataOption())
    .addOption(durationOption("--watch", "how long the first process serves beside the others", 0))
    .addOption(timeoutOption("how long a process may take to be ready", 60_000))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nA second undo goes forth again.\n\nExamples:\n  heddle rollout undo order\n  heddle rollout undo order --watch 30s",
    )
    .action(async (service: string, options: { data?: string; watch: number; timeout: number; json?: boolean }) => {
      await chosenServices([service]);
      const folder = dataFolder(options.data);
      const deployment = readDeployment(folder.rollouts, service);
      const release = releaseBefore(deployment);
      if (release === undefined)
        throw new Failure(`Nothing was deployed of ${service} that could be undone.`, {
          next: `heddle rollout history ${service}`,
        });
      const request = {
        type: "deploy",
        kind: "undo",
        service,
        release,
        expected: deployment.release,
        timeoutMs: options.timeout,
        watchMs: options.watch,
      } as const;
      const terminal = processTerminal();
      const { outcome, reason } = await askSupervisor(folder, request, stepPrinter(terminal, options.json === true));
      if (outcome === "rolled-back")
        throw new Failure(`${service} could not go back to ${release ?? `the ${WORKING_TREE}`}: ${reason}.`, {
          next: `heddle logs ${service}`,
        });
      const named = release ?? `the ${WORKING_TREE}`;
      if (options.json) return;
      if (deployment.replicas > 0) terminal.err(`${service} runs ${named} again.`);
      else terminal.err(`${named} is in force again; heddle scale ${service}=1 starts it.`);
    });
