import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ContractService, OverrideSchema } from "@heddle/contracts/heddle/contract/v1";
import { Command, InvalidArgumentError, Option } from "commander";
import { contractsOf, hashesOf, listPackages, shortHash, unknownPackage } from "../../contracts.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { dateText } from "../../saga-lines.ts";
import { processTerminal } from "../../terminal.ts";
import { DAY_MS, HOUR_MS, parseDurationMs } from "../../units.ts";

/** As the contract says. */
const LIFETIME_MS_MAX = 7 * DAY_MS;

interface Options {
  readonly hash?: string;
  readonly next?: boolean;
  readonly reason: string;
  readonly for: number;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle contracts allow`. */
export const contractsAllowCommand = (): Command =>
  new Command("allow")
    .description("Let one contract in although it breaks callers: once, for a time, and on the record.")
    .argument("<package>", "such as customer.v1")
    .addOption(
      new Option("--hash <hash>", "the contract, by how its hash begins, at least 8 digits").argParser(hashPrefix),
    )
    .addOption(new Option("--next", "whatever contract breaks callers next").conflicts("hash"))
    .requiredOption("--reason <why>", "why callers may break; kept with the decision")
    .addOption(
      new Option("--for <duration>", "how long it may wait to be used, such as 30m or 2h, at most 7d")
        .default(HOUR_MS, "1h")
        .argParser(lifetime),
    )
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
An instance that was refused tries again within 10 s. A contract that was let in stays in when the time is over.

Examples:
  heddle contracts allow customer.v1 --hash 0123abcd4567 --reason "no caller sets fax_number"
  heddle contracts allow customer.v1 --next --for 15m --reason "INC-4711"`,
    )
    .action(async (name: string, options: Options, command: Command) => {
      if (options.hash === undefined && options.next !== true) {
        command.error(
          `error: say which contract: --hash (heddle contracts history ${name} shows those that were refused), or --next`,
        );
      }
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const call = contractsOf(gateway).createOverride({
        package: name,
        contractHash: options.hash ?? "",
        reason: options.reason,
        lifetime: durationFromMs(options.for),
      });
      const known = call.catch(async (error: unknown) => {
        if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
        throw unknownPackage(name, await listPackages(gateway));
      });
      const { override } = await orFailure(ContractService.method.createOverride, known, terminal, options.json);
      if (override === undefined) return;
      if (options.json) {
        terminal.out(JSON.stringify(toJson(OverrideSchema, override)));
        return;
      }
      const which =
        override.contractHash === "" ? "the next contract that breaks callers" : shortHash(override.contractHash);
      terminal.out(`${override.id} lets ${which} of ${name} in, until ${dateText(override.expireTime)}.`);
      if (options.hash !== undefined && (await hashesOf(gateway, name, options.hash)).length === 0) {
        terminal.err(`No contract of ${name} that begins with ${options.hash} was seen yet.`);
      }
      terminal.err(`next:  heddle contracts revoke ${override.id} takes it back`);
    });

function hashPrefix(text: string): string {
  if (!/^[0-9a-f]{8,64}$/.test(text)) throw new InvalidArgumentError("Write 8 to 64 digits of a hash, in lower case.");
  return text;
}

function lifetime(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0 || ms > LIFETIME_MS_MAX) {
    throw new InvalidArgumentError("Write it like 30m, 2h or 3d, at most 7d.");
  }
  return ms;
}
