import type { DescService } from "@bufbuild/protobuf";
import { type PackageSet, packageSetsOf, parseDescriptorSet } from "@heddle/mesh/contract";
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
  const ownPackages = new Set(own.map(({ file }) => file.proto.package));
  let ofGateway: readonly PackageContract[] | undefined;
  let known: { readonly version: number; readonly packages: readonly PackageContract[] } | undefined;
  return {
    packages() {
      const version = contracts.version();
      if (known?.version === version) return known.packages;
      ofGateway ??= packageSetsOf(own).map(contractOf);
      const brought = contracts.packages().filter(({ name }) => !ownPackages.has(name));
      const packages = [...ofGateway, ...brought].sort((a, b) => (a.name < b.name ? -1 : 1));
      known = { version, packages };
      return packages;
    },
    isOwn: (service) => ownNames.has(service),
    version: () => contracts.version(),
  };
};

const contractOf = ({ packageName, services, hash, read }: PackageSet): PackageContract => {
  const bytes = read();
  const { registry } = parseDescriptorSet(bytes, "heddle.registry.v1");
  return { name: packageName, hash, services, registry, bytes };
};
