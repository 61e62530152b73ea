import type { ConnectError } from "@connectrpc/connect";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import { RetryBudget } from "@heddle/mesh/policy";
import { SERVICE_AMBIGUOUS } from "../errors.ts";
import type { Balancing } from "../registry/balancing.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import { type MethodRoute, methodRoute } from "./method-route.ts";
import { unavailable } from "./try-later.ts";

/** Which instances the calls of each method go to. */
export interface MethodRoutes {
  /** The method of a path such as `/order.v1.OrderService/GetOrder`; `owner`: the name of the service whose instances are meant. */
  at(path: string, owner: string | undefined): MethodRoute | undefined;
  /** What a service may be sent again, by whatever protocol its calls come. */
  budgetOf(service: string): RetryBudget;
  /** Why there is no instance to send a call to. */
  nobody(service: string, owner: string | undefined): ConnectError;
}

export const createMethodRoutes = ({
  instances,
  contracts,
  balancing,
}: {
  instances: Pick<Instances, "owners" | "absence" | "serving">;
  contracts: Contracts;
  balancing: Pick<Balancing, "picker">;
}): MethodRoutes => {
  const methods = new Map<string, MethodRoute>();
  let methodsVersion = -1;
  /** By service. They outlive contracts: a new version is no reason to begin anew. */
  const budgets = new Map<string, RetryBudget>();

  const budgetOf = (service: string): RetryBudget => {
    const budget = budgets.get(service) ?? new RetryBudget();
    budgets.set(service, budget);
    return budget;
  };

  /** While versions of a package run side by side, some instances have methods that others lack. */
  const having =
    (path: string) =>
    ({ packages }: Instance) =>
      packages.some(({ contractHash }) => contracts.has(contractHash, path));

  const find = (path: string, owner: string | undefined): MethodRoute | undefined => {
    const method = contracts.method(path);
    if (method === undefined) return undefined;
    const { typeName } = method.parent;
    const candidates = () => {
      const fitting = instances.serving(typeName).filter(having(path));
      return owner === undefined ? fitting : fitting.filter(({ serviceName }) => serviceName === owner);
    };
    return methodRoute(method, balancing.picker(typeName, having(path), owner), candidates, budgetOf(typeName));
  };

  return {
    budgetOf,
    at(path, owner) {
      const version = contracts.version();
      if (methodsVersion !== version) {
        methods.clear();
        const services = new Set(contracts.services());
        for (const service of budgets.keys()) if (!services.has(service)) budgets.delete(service);
        methodsVersion = version;
      }
      const key = owner === undefined ? path : `${owner} ${path}`;
      const known = methods.get(key);
      if (known !== undefined) return known;
      const found = find(path, owner);
      // Callers choose the name: only those that exist are kept.
      if (found !== undefined && (owner === undefined || instances.owners(found.service).includes(owner))) {
        methods.set(key, found);
      }
      return found;
    },
    nobody(service, owner) {
      const owners = instances.owners(service);
      if (owner === undefined && owners.length > 1) {
        return fail(SERVICE_AMBIGUOUS, { service, owners: owners.join(", ") });
      }
      if (owner === undefined || owners.length === 0) return unavailable(service, instances.absence(service));
      return unavailable(service, `the header heddle-service asks for another than ${owners.join(", ")}`);
    },
  };
};
