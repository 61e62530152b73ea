import type { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import { CONTRACT_NOT_FOUND } from "../errors.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { ContractStore } from "../store/contract-store.ts";

/** Returns a contract by its hash, or the one in force for a package version, whether or not it runs. */
export const getContract =
  (deps: {
    contracts: Contracts;
    catalog: Catalog;
    store: Store;
    kept: ContractStore;
  }): Handler<typeof RegistryService.method.getContract> =>
  async ({ lookup }) => {
    const { contracts, store, kept } = deps;
    const known = deps.catalog.packages().find(({ name, hash }) => name === lookup.value || hash === lookup.value);
    if (known !== undefined) return { contract: { contractHash: known.hash, fileDescriptorSet: known.bytes } };
    const contract = contracts.byHash(lookup.value ?? "");
    if (contract !== undefined) return { contract };
    const found = await store.read(async (reader) => {
      const contractHash =
        lookup.case === "package" ? (await kept.package(reader, lookup.value))?.contractHash : lookup.value;
      const fileDescriptorSet = contractHash && (await kept.bytes(reader, contractHash));
      return contractHash && fileDescriptorSet ? { contractHash, fileDescriptorSet } : undefined;
    });
    if (found === undefined) throw fail(CONTRACT_NOT_FOUND, { contract: lookup.value ?? "" });
    return { contract: found };
  };
