import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ContractService, OverrideSchema, OverrideState } from "@heddle/contracts/heddle/contract/v1";
import { Command } from "commander";
import { contractsOf, shortHash } from "../../contracts.ts";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { processTerminal } from "../../terminal.ts";

/** `heddle contracts revoke`. */
export const contractsRevokeCommand = (): Command =>
  new Command("revoke")
    .description("Take an override back, before it lets a contract in. What it has let in stays in.")
    .argument("<id>", "the override's id, as heddle contracts overrides shows it")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText("after", "\nExamples:\n  heddle contracts revoke ovr_01h…")
    .action(async (id: string, options: { gateway?: string; json?: boolean }) => {
      const terminal = processTerminal();
      const call = contractsOf(chosenGateway(options.gateway))
        .revokeOverride({ overrideId: id })
        .catch((error: unknown) => {
          if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
          throw new Failure(`There is no override ${id}.`, {
            next: "heddle contracts overrides shows those there are.",
          });
        });
      const { override } = await orFailure(ContractService.method.revokeOverride, call, terminal, options.json);
      if (override === undefined) return;
      if (options.json) terminal.out(JSON.stringify(toJson(OverrideSchema, override)));
      else if (override.state === OverrideState.USED) {
        const { package: name, usedContractHash } = override;
        terminal.out(`${id} has let ${shortHash(usedContractHash)} of ${name} in, which stays in.`);
        terminal.err("next:  roll the service back: the contract before may come back, and callers of both are served");
      } else terminal.out(`${id} is ${(OverrideState[override.state] ?? "unknown").toLowerCase()}.`);
    });
