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
  return fail(TARGET_NOT_FOUND, { target, hint: hintOf(target, contracts) });
};

/** Services that a hint names. */
const NAMED_MAX = 8;

const hintOf = (target: string, contracts: Pick<Contracts, "services" | "paths">): string => {
  // `order`, `order.v1` and `OrderService` are each a part of a full name.
  const full = contracts.services().filter((service) => `.${service}.`.includes(`.${target}.`));
  if (full.length > 0) return `its full name is ${full.slice(0, NAMED_MAX).join(" or ")}`;
  const nearest = nearestName(target, knownTargets(contracts));
  return nearest === undefined ? "heddle list shows what there is" : `did you mean ${nearest}?`;
};
