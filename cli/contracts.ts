import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import {
  type Admission,
  AdmissionOutcome,
  ContractService,
  type ListAdmissionsRequestSchema,
  type PackageSummary,
} from "@heddle/contracts/heddle/contract/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { nearestName } from "@heddle/mesh/contract";
import { Failure } from "./failure.ts";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";

/** Digits of a hash that a person is shown. */
const HASH_CHARS = 12;

/** The contracts of a mesh, as its gateway keeps them. */
export const contractsOf = (gateway: string): Client<typeof ContractService> =>
  createClient(ContractService, gatewayTransport(gateway));

/** A descriptor set by its hash, or the one in force for a package. */
export const fetchContract = async (
  gateway: string,
  lookup: { readonly case: "package" | "contractHash"; readonly value: string },
): Promise<{ readonly hash: string; readonly bytes: Uint8Array }> => {
  const registry = createClient(RegistryService, gatewayTransport(gateway));
  const { contract } = await registry.getContract({ lookup });
  return { hash: contract?.contractHash ?? "", bytes: contract?.fileDescriptorSet ?? new Uint8Array() };
};

/** Every package version that was ever admitted, by name. */
export const listPackages = async (gateway: string): Promise<PackageSummary[]> => {
  const packages: PackageSummary[] = [];
  const client = contractsOf(gateway);
  const ask = (pageToken: string) => client.listPackages({ pageSize: 1_000, pageToken });
  for await (const page of pagesOf(ask)) packages.push(...page.packages);
  return packages;
};

/** Decisions over contracts, latest first, at most `limit`. */
export const listAdmissions = async (
  gateway: string,
  filter: Pick<MessageInitShape<typeof ListAdmissionsRequestSchema>, "package" | "outcomes">,
  limit: number,
): Promise<{ readonly admissions: Admission[]; readonly more: boolean }> => {
  const admissions: Admission[] = [];
  const client = contractsOf(gateway);
  const ask = (pageToken: string) =>
    client.listAdmissions({ ...filter, pageSize: Math.min(500, limit - admissions.length), pageToken });
  for await (const page of pagesOf(ask)) {
    admissions.push(...page.admissions);
    if (admissions.length >= limit) return { admissions, more: page.nextPageToken !== "" };
  }
  return { admissions, more: false };
};

/** Refusals of instances that still try; none when the gateway does not answer, or knows nothing of contracts. */
export const pendingRefusals = async (gateway: string): Promise<Admission[]> => {
  try {
    const outcomes = [AdmissionOutcome.REFUSED];
    const { admissions } = await listAdmissions(gateway, { outcomes }, 100);
    return admissions.filter(({ pending }) => pending);
  } catch {
    return [];
  }
};

/** The contracts of a package that were decided over and whose hash begins so. */
export const hashesOf = async (gateway: string, packageName: string, prefix: string): Promise<string[]> => {
  const { admissions } = await listAdmissions(gateway, { package: packageName }, 1_000);
  const hashes = new Set(admissions.map(({ contractHash }) => contractHash));
  return [...hashes].filter((hash) => hash.startsWith(prefix));
};

/** The whole hash of a contract of a package that is known by how it begins. Throws a Failure when none is, or several are. */
export const wholeHash = async (gateway: string, packageName: string, prefix: string): Promise<string> => {
  if (/^[0-9a-f]{64}$/.test(prefix)) return prefix;
  const found = await hashesOf(gateway, packageName, prefix);
  const [hash] = found;
  if (hash !== undefined && found.length === 1) return hash;
  const problem = found.length === 0 ? "No contract" : `${found.length} contracts`;
  throw new Failure(`${problem} of ${packageName} begins with ${prefix}.`, {
    next: `heddle contracts history ${packageName} shows their hashes.`,
  });
};

/** What to say of a package that the mesh does not know. */
export const unknownPackage = (name: string, packages: readonly PackageSummary[]): Failure => {
  const nearest = nearestName(
    name,
    packages.map((each) => each.name),
  );
  return new Failure(`The mesh knows no package ${name}.`, {
    next: nearest === undefined ? "heddle contracts list shows those that it knows." : `Did you mean ${nearest}?`,
  });
};

/** A hash for a person. */
export const shortHash = (hash: string): string => hash.slice(0, HASH_CHARS);

/** A decision in a word, such as `compatible`. */
export const outcomeName = (outcome: AdmissionOutcome): string =>
  (AdmissionOutcome[outcome] ?? "unknown").toLowerCase();
