import { SagaService } from "@heddle/contracts/heddle/saga/v1";
import { Command } from "commander";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { findSaga, sagaOwners, sagaStateName, sagasOf } from "../../sagas.ts";
import { processTerminal } from "../../terminal.ts";
import { sagaJson } from "./sagas-list.ts";

/** `heddle sagas retry`: sets a parked saga going. */
export const sagasRetryCommand = (): Command =>
  new Command("retry")
    .description("Set a parked saga going again, at once. One that is under way is left as it is.")
    .argument("<id>", "the saga's id")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle sagas retry sag_01h…\n  heddle sagas list --state parked --json | jq -r .id | xargs -n 1 heddle sagas retry",
    )
    .action(async (id: string, options: { gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const owners = await sagaOwners(gateway);
      const search = findSaga(id, owners, (service) => sagasOf(gateway, service).retrySaga({ sagaId: id }));
      const owned = await orFailure(SagaService.method.retrySaga, search, terminal, options.json);
      if (options.json) terminal.out(sagaJson(owned));
      else {
        terminal.out(`${id} is ${sagaStateName(owned.saga.state)}.`);
        terminal.err(`next:  heddle sagas show ${id}`);
      }
    });
