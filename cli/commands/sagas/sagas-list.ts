import { toJson } from "@bufbuild/protobuf";
import { SagaSchema, SagaState } from "@heddle/contracts/heddle/saga/v1";
import { Command, Option } from "commander";
import { gatewayOption, jsonOption, linesOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { dateText, failureText, stateText, tookText } from "../../saga-lines.ts";
import { listSagas, type OwnedSaga, sagaOwners } from "../../sagas.ts";
import { formatTable } from "../../table.ts";
import { processTerminal, type Terminal } from "../../terminal.ts";

/** The states by the words that are typed. */
const STATES: Readonly<Record<string, SagaState>> = {
  running: SagaState.RUNNING,
  compensating: SagaState.COMPENSATING,
  completed: SagaState.COMPLETED,
  compensated: SagaState.COMPENSATED,
  parked: SagaState.PARKED,
};

interface Options {
  readonly name?: string;
  readonly key?: string;
  readonly state?: readonly string[];
  readonly lines: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle sagas list`. */
export const sagasListCommand = (): Command =>
  new Command("list")
    .description("List sagas, latest first, of one service or of all.")
    .argument("[service]", "the service that runs them; all by default")
    .option("--name <name>", "only those of this name, such as place-order")
    .option("--key <key>", "only those about this, such as an order's id")
    .addOption(new Option("--state <state...>", "only those in these states").choices(Object.keys(STATES)))
    .addOption(linesOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle sagas list
  heddle sagas list --state parked compensating
  heddle sagas list order --name place-order -n 500 --json | jq -r .failure.reason | sort | uniq -c`,
    )
    .action(async (service: string | undefined, options: Options) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const owners = service === undefined ? await sagaOwners(gateway) : [service];
      const states = options.state?.flatMap((name) => STATES[name] ?? []) ?? [];
      const { sagas, more } = await listSagas(gateway, owners, { ...options, states }, options.lines, terminal);
      if (options.json) for (const owned of sagas) terminal.out(sagaJson(owned));
      else print(sagas, more, terminal);
    });

/** One line of JSON: the contract's own form of a saga, with the service that runs it. */
export const sagaJson = ({ service, saga }: OwnedSaga): string =>
  JSON.stringify({ service, ...(toJson(SagaSchema, saga) as object) });

const print = (sagas: readonly OwnedSaga[], more: boolean, { out, err, outColors }: Terminal): void => {
  if (sagas.length === 0) {
    err("There is no such saga.");
    return;
  }
  const columns = ["SAGA", "SERVICE", "NAME", "ABOUT", "STATE", "BEGAN", "TOOK", "FAILURE"];
  const cells = sagas.map(({ service, saga }) => [
    saga.id,
    service,
    saga.name,
    saga.key,
    stateText(saga, outColors),
    dateText(saga.createTime),
    tookText(saga.createTime, saga.endTime),
    failureText(saga),
  ]);
  const headings = columns.map((heading) => ({ heading }));
  for (const line of formatTable(headings, cells, outColors.bold)) out(line);
  if (more) err("There are more: -n shows them.");
  const parked = sagas.find(({ saga }) => saga.state === SagaState.PARKED)?.saga.id;
  if (parked !== undefined)
    err(`next:  heddle sagas show ${parked} says why, heddle sagas retry ${parked} sets it going`);
};
