import { type DescFile, type FileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { fileRegistryOf, relatedTypes } from "@heddle/mesh/contract";
import { Command } from "commander";
import { fetchContract, listPackages, shortHash, unknownPackage, wholeHash } from "../../contracts.ts";
import { describeText } from "../../describe-text.ts";
import { gatewayOption, jsonOption } from "../../mesh-options.ts";
import { chosenGateway } from "../../reflect-gateway.ts";
import { orFailure } from "../../rpc-failure.ts";
import { processTerminal } from "../../terminal.ts";

/** `heddle contracts show`. */
export const contractsShowCommand = (): Command =>
  new Command("show")
    .description("Show a contract as source: the one in force, or another that the mesh has kept.")
    .argument("<package>", "such as customer.v1")
    .option("--hash <hash>", "another contract of the package, by how its hash begins")
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  heddle contracts show customer.v1
  heddle contracts show customer.v1 --hash 0123abcd4567
  heddle contracts show customer.v1 --json | jq -r '.file[].name'`,
    )
    .action(async (name: string, options: { hash?: string; gateway?: string; json?: boolean }) => {
      const gateway = chosenGateway(options.gateway);
      const terminal = processTerminal();
      const { hash, bytes } = await orFailure(
        RegistryService.method.getContract,
        contractOf(gateway, name, options.hash),
        terminal,
        options.json,
      );
      const set = fromBinary(FileDescriptorSetSchema, bytes);
      const registry = fileRegistryOf(set);
      if (options.json) {
        terminal.out(JSON.stringify(toJson(FileDescriptorSetSchema, set, { registry })));
        return;
      }
      const { out, outColors } = terminal;
      out(outColors.dim(`// ${name}, contract ${shortHash(hash)}`));
      for (const line of contractLines(registry, name)) out(line);
    });

/** The contract in force for a package, or the one whose hash begins as is said. */
export const contractOf = async (
  gateway: string,
  name: string,
  prefix: string | undefined,
): Promise<{ readonly hash: string; readonly bytes: Uint8Array }> => {
  if (prefix !== undefined) {
    return fetchContract(gateway, { case: "contractHash", value: await wholeHash(gateway, name, prefix) });
  }
  try {
    return await fetchContract(gateway, { case: "package", value: name });
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
    throw unknownPackage(name, await listPackages(gateway));
  }
};

/** The files of a package and of what its messages hold, as source. */
const contractLines = (registry: FileRegistry, name: string): string[] => {
  const related = new Set(Array.from(relatedTypes(registry, name).values(), ({ file }) => file));
  const files = [...registry.files].filter((file) => related.has(file));
  // Its own first; what it needs of others, but not of Google's, below.
  const own = files.filter(({ proto }) => proto.package === name);
  const others = files.filter(({ proto }) => proto.package !== name && !proto.package.startsWith("google."));
  return [...own, ...others].flatMap((file) => fileLines(file, registry));
};

const fileLines = (file: DescFile, registry: FileRegistry): string[] => [
  "",
  `// ${file.proto.name}`,
  `package ${file.proto.package};`,
  ...[...file.services, ...file.messages, ...file.enums].flatMap((desc) => ["", ...describeText(desc, registry)]),
];
