import type { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Store } from "@heddle/mesh/store";
import type { Contracts } from "../contracts.ts";
import { CONTRACT_NOT_FOUND } from "../errors.ts";
import type { ContractStore } from "../store/contract-store.ts";

/** Returns a contract by its hash, or the one in force for a package version, whether or not it runs. */
export const getContract =
  (deps: {
    contracts: Contracts;
    store: Store;
    kept: ContractStore;
  }): Handler<typeof RegistryService.method.getContract> =>
  async ({ lookup }) => {
    const { contracts, store, kept } = deps;
    const contract =
      lookup.case === "package" ? contracts.byPackage(lookup.value) : contracts.byHash(lookup.value ?? "");
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
