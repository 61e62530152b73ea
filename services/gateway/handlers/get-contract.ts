import type { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Contracts } from "../contracts.ts";
import { CONTRACT_NOT_FOUND } from "../errors.ts";

/** Returns a contract by its hash, or the one in force for a package version. */
export const getContract =
  ({ contracts }: { contracts: Contracts }): Handler<typeof RegistryService.method.getContract> =>
  ({ lookup }) => {
    const contract =
      lookup.case === "package" ? contracts.byPackage(lookup.value) : contracts.byHash(lookup.value ?? "");
    if (contract === undefined) throw fail(CONTRACT_NOT_FOUND, { contract: lookup.value ?? "" });
    return { contract };
  };
