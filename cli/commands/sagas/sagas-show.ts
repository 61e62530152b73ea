import { SagaService } from "@heddle/contracts/heddle/saga/v1";
import { Command } from "commander";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { sagaLines } from "../../saga-lines.ts";
import { findSaga, listSagas, type OwnedSaga, sagaOwners, sagasOf } from "../../sagas.ts";
import { processTerminal, type Terminal } from "../../terminal.ts";
import { sagaJson } from "./sagas-list.ts";

/** Sagas about one thing that are shown: an order has a handful in its life. */
const SHOWN_MAX = 20;

/** `heddle sagas show`: each step with its times, attempts and errors. */
export const sagasShowCommand = (): Command =>
  new Command("show")
    .description("Show a saga, or all about one thing: each step with times, attempts, errors and trace, in UTC.")
    .argument("<id>", "a saga's id, or what it is about, such as an order's id")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle sagas show sag_01h…
  heddle sagas show ord_01h…
  heddle sagas show ord_01h… --json | jq '.steps[] | select(.compensation) | .compensation.endTime'`,
    )
    .action(async (id: string, options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const sagas = await find(gateway, id, terminal);
      for (const [index, owned] of sagas.entries()) {
        if (options.json) terminal.out(sagaJson(owned));
        else
          for (const line of [...(index > 0 ? [""] : []), ...sagaLines(owned, terminal.outColors)]) terminal.out(line);
      }
    });

/** The saga with an id, or those about it, oldest first. Throws a Failure when there is none. */
const find = async (gateway: string, id: string, terminal: Terminal): Promise<OwnedSaga[]> => {
  const owners = await sagaOwners(gateway);
  if (id.startsWith("sag_")) {
    const search = findSaga(id, owners, (service) => sagasOf(gateway, service).getSaga({ sagaId: id }));
    return [await orFailure(SagaService.method.getSaga, search, terminal)];
  }
  const { sagas } = await listSagas(gateway, owners, { key: id }, SHOWN_MAX, terminal);
  if (sagas.length > 0) return sagas.toReversed();
  throw new Failure(`There is no saga about ${id} in ${owners.join(", ")}.`, {
    next: "heddle sagas list shows those that there are.",
  });
};
