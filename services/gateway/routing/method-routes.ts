import type { ConnectError } from "@connectrpc/connect";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { fail } from "@heddle/mesh/contract";
import { SERVICE_AMBIGUOUS } from "../errors.ts";
import type { Contracts } from "../registry/contracts.ts";
import type { Instances } from "../registry/instances.ts";
import { type MethodRoute, methodRoute } from "./method-route.ts";
import { unavailable } from "./try-later.ts";

/** Which instances the calls of each method go to. */
export interface MethodRoutes {
  /** The method of a path such as `/order.v1.OrderService/GetOrder`; `owner`: the name of the service whose instances are meant. */
  at(path: string, owner: string | undefined): MethodRoute | undefined;
  /** Why there is no instance to send a call to. */
  nobody(service: string, owner: string | undefined): ConnectError;
}

export const createMethodRoutes = ({
  instances,
  contracts,
}: {
  instances: Instances;
  contracts: Contracts;
}): MethodRoutes => {
  const methods = new Map<string, MethodRoute>();
  let methodsVersion = -1;

  /** While versions of a package run side by side, some instances have methods that others lack. */
  const having =
    (path: string) =>
    ({ packages }: Instance) =>
      packages.some(({ contractHash }) => contracts.has(contractHash, path));

  const find = (path: string, owner: string | undefined): MethodRoute | undefined => {
    const method = contracts.method(path);
    if (method === undefined) return undefined;
    return methodRoute(method, instances.picker(method.parent.typeName, having(path), owner));
  };

  return {
    at(path, owner) {
      // Not kept: callers choose the name.
      if (owner !== undefined) return find(path, owner);
      const version = contracts.version();
      if (methodsVersion !== version) {
        methods.clear();
        methodsVersion = version;
      }
      const known = methods.get(path);
      if (known !== undefined) return known;
      const found = find(path, undefined);
      if (found !== undefined) methods.set(path, found);
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
