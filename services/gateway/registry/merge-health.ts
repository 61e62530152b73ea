import type { DescService } from "@bufbuild/protobuf";
import { type HealthSource, ServingStatus } from "@heddle/mesh/service";
import type { Contracts } from "./contracts.ts";
import type { Instances } from "./instances.ts";

/** Health of the mesh: a service serves when an instance of it does; "" is the gateway itself. */
export const mergeHealth = ({
  instances,
  contracts,
  own,
}: {
  instances: Instances;
  contracts: Contracts;
  own: readonly DescService[];
}): HealthSource => {
  const ownNames = own.map(({ typeName }) => typeName);
  const always = new Set(["", ...ownNames]);
  return {
    status(service) {
      if (always.has(service)) return ServingStatus.SERVING;
      if (!contracts.services().includes(service)) return undefined;
      return instances.serves(service) ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    },
    services: () => [...ownNames, ...contracts.services()],
    watch: (changed) => instances.watch(changed),
  };
};
