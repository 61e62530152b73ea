import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type ContractService, ListPackagesRequestSchema } from "@heddle/contracts/heddle/contract/v1";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { nextPageToken, pageOf, parseDescriptorSet, takePage } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Reader, Store } from "@heddle/mesh/store";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import type { ContractStore } from "../store/contract-store.ts";
import { PAGE_SIZES } from "./page-sizes.ts";

/** Lists the package versions that were ever admitted, by name, with what runs of each. */
export const listPackages =
  (deps: {
    store: Store;
    kept: ContractStore;
    contracts: Contracts;
    instances: Instances;
  }): Handler<typeof ContractService.method.listPackages> =>
  async (request) => {
    const { store, kept, contracts, instances } = deps;
    const { size, after } = pageOf(ListPackagesRequestSchema, request, PAGE_SIZES);
    return store.read(async (reader) => {
      const rows = await kept.packages(reader, after?.[0] ?? "", size + 1);
      const { items, last } = takePage(rows, size);
      const running = new Map(contracts.packages().map(({ name, hash, services }) => [name, { hash, services }]));
      const packages = [];
      for (const { name, contractHash, updateTimeMs } of items) {
        const known = running.get(name);
        const services =
          known?.hash === contractHash
            ? known.services.map(({ typeName }) => typeName)
            : await servicesIn(reader, kept, name, contractHash);
        packages.push({
          name,
          contractHash,
          updateTime: timestampFromMs(updateTimeMs),
          services: services.toSorted(),
          offers: offersOf(name, instances.list()),
        });
      }
      return { packages, nextPageToken: last ? nextPageToken(ListPackagesRequestSchema, request, [last.name]) : "" };
    });
  };

/** The services of a package that nobody has offered since the start. */
const servicesIn = async (reader: Reader, kept: ContractStore, name: string, hash: string): Promise<string[]> => {
  const bytes = await kept.bytes(reader, hash);
  if (bytes === undefined) return [];
  const { registry } = parseDescriptorSet(bytes, "heddle.contract.v1");
  return [...registry].flatMap((type) =>
    type.kind === "service" && type.file.proto.package === name ? [type.typeName] : [],
  );
};

const offersOf = (name: string, running: readonly Instance[]) => {
  const offers = running.flatMap((instance) =>
    instance.packages
      .filter((offer) => offer.name === name)
      .map(({ contractHash }) => ({ contractHash, by: `${instance.serviceName} ${instance.version}` })),
  );
  return [...Map.groupBy(offers, ({ contractHash }) => contractHash)]
    .map(([contractHash, same]) => ({
      contractHash,
      instanceCount: same.length,
      offeredBy: [...new Set(same.map(({ by }) => by))].sort(),
    }))
    .sort((a, b) => (a.contractHash < b.contractHash ? -1 : 1));
};
