import { type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { breaksBetween, changesBetween, fileRegistryOf, violationLine } from "@heddle/mesh/contract";
import { Command } from "commander";
import { changeLines } from "../../contract-change-lines.ts";
import { listAdmissions, shortHash } from "../../contracts.ts";
import { Failure } from "../../failure.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { processTerminal } from "../../terminal.ts";
import { contractOf } from "./contracts-show.ts";

/** Outcomes that put a contract in force. */
const IN_FORCE = [AdmissionOutcome.FIRST, AdmissionOutcome.COMPATIBLE, AdmissionOutcome.OVERRIDDEN];

/** `heddle contracts diff`. */
export const contractsDiffCommand = (): Command =>
  new Command("diff")
    .description("Show what differs between two contracts of a package, and what of it breaks callers.")
    .argument("<package>", "such as customer.v1")
    .argument("[hash]", "from the one in force to this one; without it, from the one before to the one in force")
    .argument("[other]", "from the first to this one")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle contracts diff customer.v1
  heddle contracts diff customer.v1 0123abcd4567
  heddle contracts diff customer.v1 0123abcd 4567cdef --json | jq '.changes[] | select(.kind == "removed")'`,
    )
    .action(
      async (
        name: string,
        hash: string | undefined,
        other: string | undefined,
        options: { gateway?: string; json?: boolean },
      ) => {
        const gateway = chosenGateway(options.gateway);
        const terminal = processTerminal();
        const method = RegistryService.method.getContract;
        const [before, after] = await orFailure(method, choose(gateway, name, hash, other), terminal, options.json);
        const [was, is] = [registryOf(before.bytes), registryOf(after.bytes)];
        const breaks = breaksBetween(before.bytes, after.bytes, name, "deleted");
        const changes = changesBetween(was, is, name);
        if (options.json) {
          const shown = changes.map(({ kind, element }) => ({ kind, element }));
          terminal.out(
            JSON.stringify({ package: name, before: before.hash, after: after.hash, breaks, changes: shown }),
          );
          return;
        }
        const { out, err, outColors } = terminal;
        out(outColors.bold(`${name}: ${shortHash(before.hash)} to ${shortHash(after.hash)}`));
        for (const change of changes) for (const line of changeLines(change, was, is, outColors)) out(line);
        if (changes.length === 0) err("Nothing differs but comments and order.");
        if (breaks.length > 0) out(outColors.red("breaks callers:"));
        for (const each of breaks) out(`  ${violationLine(each)}`);
      },
    );

type Fetched = Awaited<ReturnType<typeof contractOf>>;

const choose = async (
  gateway: string,
  name: string,
  hash: string | undefined,
  other: string | undefined,
): Promise<[Fetched, Fetched]> => {
  if (hash !== undefined && other !== undefined) {
    return [await contractOf(gateway, name, hash), await contractOf(gateway, name, other)];
  }
  const inForce = await contractOf(gateway, name, undefined);
  if (hash !== undefined) return [inForce, await contractOf(gateway, name, hash)];
  const { admissions } = await listAdmissions(gateway, { package: name, outcomes: IN_FORCE }, 500);
  const before = admissions.find(({ contractHash }) => contractHash !== inForce.hash)?.contractHash;
  if (before === undefined) {
    throw new Failure(`${name} has had one contract only.`, {
      next: `heddle contracts history ${name} shows those that were refused; name one of them.`,
    });
  }
  return [await contractOf(gateway, name, before), inForce];
};

const registryOf = (bytes: Uint8Array): FileRegistry => fileRegistryOf(fromBinary(FileDescriptorSetSchema, bytes));
