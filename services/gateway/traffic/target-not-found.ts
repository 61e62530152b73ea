import type { ConnectError } from "@connectrpc/connect";
import { fail, nearestName } from "@heddle/mesh/contract";
import { TARGET_NOT_FOUND } from "../errors.ts";
import type { Contracts } from "../registry/contracts.ts";

/** The methods and services, by their full names, that instances brought. */
export const knownTargets = (contracts: Pick<Contracts, "services" | "paths">): string[] => [
  ...contracts.services(),
  ...Array.from(contracts.paths(), (path) => path.slice(1)),
];

/** A method or service is named that no contract has. */
export const targetNotFound = (target: string, contracts: Pick<Contracts, "services" | "paths">): ConnectError => {
  const nearest = nearestName(target, knownTargets(contracts));
  const hint = nearest === undefined ? "heddle list shows what there is" : `did you mean ${nearest}?`;
  return fail(TARGET_NOT_FOUND, { target, hint });
};
