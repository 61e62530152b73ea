import { type DeadLetter, DeadLetterKind, SubscriptionService } from "@heddle/contracts/heddle/events/v1";
import { Command } from "commander";
import { addDeadLetterOptions, type DeadLetterChoice } from "../../dead-letter-options.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { pagesOf } from "../../pages-of.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { subscriptionsOf } from "../../subscriptions.ts";
import { formatTable } from "../../table.ts";
import { processTerminal, type Terminal } from "../../terminal.ts";
import { reportsOf } from "./events-status.ts";

/** Dead letters that are printed for a person; --json prints all. */
const SHOWN_MAX = 100;

interface Options extends DeadLetterChoice {
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle events dead-letters`: the events that did not take effect, each with its error. */
export const deadLettersCommand = (): Command =>
  addDeadLetterOptions(new Command("dead-letters"), { withSequence: false })
    .description("List the events that did not take effect, each with its error. Personal data is left out.")
    .argument("[service]", "the service that could not apply them; all by default")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle events dead-letters
  heddle events dead-letters creditscore --source billing
  heddle events dead-letters creditscore --json | jq -r 'select(.kind == "failed") | .error' | sort | uniq -c`,
    )
    .action(async (service: string | undefined, options: Options) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const reports = await reportsOf(gateway, service === undefined ? [] : [service]);
      const rows: [string, DeadLetter][] = [];
      let more = false;
      for (const report of reports) {
        for await (const deadLetter of all(gateway, report.service, options, terminal)) {
          if (options.json) terminal.out(JSON.stringify(deadLetterJson(report.service, deadLetter)));
          else if (rows.length < SHOWN_MAX) rows.push([report.service, deadLetter]);
          else {
            more = true;
            break;
          }
        }
      }
      if (!options.json) print(rows, more, terminal);
    });

async function* all(
  gateway: string,
  service: string,
  options: Options,
  terminal: Terminal,
): AsyncGenerator<DeadLetter> {
  const client = subscriptionsOf(gateway, service);
  const { source = "", view = "", key = "" } = options;
  const ask = (pageToken: string) => {
    const call = client.listDeadLetters({ source, view, key, pageSize: 500, pageToken });
    return orFailure(SubscriptionService.method.listDeadLetters, call, terminal, options.json);
  };
  for await (const page of pagesOf(ask)) yield* page.deadLetters;
}

const kindName = (kind: DeadLetterKind): string => (DeadLetterKind[kind] ?? "unknown").toLowerCase();

const deadLetterJson = (service: string, deadLetter: DeadLetter) => ({
  service,
  source: deadLetter.source,
  view: deadLetter.view,
  generation: deadLetter.generation,
  sequence: Number(deadLetter.sequence),
  key: deadLetter.key,
  type: deadLetter.type,
  createTimeMs: Number(deadLetter.createTime?.seconds ?? 0n) * 1_000,
  kind: kindName(deadLetter.kind),
  error: deadLetter.error,
  attempts: deadLetter.attempts,
  content: deadLetter.content,
  traceparent: deadLetter.traceparent,
});

const print = (rows: readonly [string, DeadLetter][], more: boolean, { out, err, outColors }: Terminal): void => {
  if (rows.length === 0) {
    err("There are no dead letters.");
    return;
  }
  const columns = [
    { heading: "SERVICE" },
    { heading: "FROM" },
    { heading: "SEQUENCE", align: "right" as const },
    { heading: "TYPE" },
    { heading: "KEY" },
    { heading: "KIND" },
    { heading: "ERROR" },
  ];
  const cells = rows.map(([service, { source, view, sequence, type, key, kind, error }]) => [
    view === "" ? service : `${service} (${view})`,
    source,
    String(sequence),
    type,
    key,
    kindName(kind),
    error.split("\n", 1)[0] ?? "",
  ]);
  for (const line of formatTable(columns, cells, outColors.bold)) out(line);
  if (more) err(`There are more; --json prints all.`);
  const [service = ""] = rows[0] ?? [];
  err(`next:  heddle events replay ${service}, or heddle events skip ${service} --sequence <number> --reason <why>`);
};
