import type { DescService } from "@bufbuild/protobuf";
import { descriptorSetOf, parseDescriptorSet } from "@heddle/mesh/contract";
import type { Contracts, PackageContract } from "./contracts.ts";

/** Every package version that can be called through the gateway: what it serves itself, and what instances brought. */
export interface Catalog {
  /** By name, each once. */
  packages(): readonly PackageContract[];
  /** Whether the gateway serves a service itself, by its full name. */
  isOwn(service: string): boolean;
  /** Grows with each change. */
  version(): number;
}

export const createCatalog = (own: readonly DescService[], contracts: Contracts): Catalog => {
  const ownNames = new Set(own.map(({ typeName }) => typeName));
  const ownPackages = Map.groupBy(own, ({ file }) => file.proto.package);
  let ofGateway: readonly PackageContract[] | undefined;
  let known: { readonly version: number; readonly packages: readonly PackageContract[] } | undefined;
  return {
    packages() {
      const version = contracts.version();
      if (known?.version === version) return known.packages;
      ofGateway ??= [...ownPackages].map(([name, services]) => packageOf(name, services));
      const brought = contracts.packages().filter(({ name }) => !ownPackages.has(name));
      const packages = [...ofGateway, ...brought].sort((a, b) => (a.name < b.name ? -1 : 1));
      known = { version, packages };
      return packages;
    },
    isOwn: (service) => ownNames.has(service),
    version: () => contracts.version(),
  };
};

const packageOf = (name: string, services: readonly DescService[]): PackageContract => {
  const { bytes, hash } = descriptorSetOf(services);
  const { registry } = parseDescriptorSet(bytes, "heddle.registry.v1");
  return { name, hash, services, registry, bytes };
};
