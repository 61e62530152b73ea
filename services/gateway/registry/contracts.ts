import type { DescFile, DescMethod, DescService, FileRegistry } from "@bufbuild/protobuf";
import type { Contract, PackageOffer } from "@heddle/contracts/heddle/registry/v1";
import { fail, methodPath, parseDescriptorSet, undeclaredAccess } from "@heddle/mesh/contract";
import type { DescriptorSource } from "@heddle/mesh/service";
import {
  ACCESS_UNDECLARED,
  CONTRACT_HASH_MISMATCH,
  CONTRACT_INCOMPLETE,
  CONTRACTS_FULL,
  PACKAGE_REPEATED,
} from "../errors.ts";

/** The contracts that instances brought with them. */
export interface Contracts {
  /** The hashes among these that were never seen. */
  missing(offers: readonly PackageOffer[]): string[];
  /** Keeps a contract. Throws when its bytes are not what its hash says, or no descriptor set, or there are too many. */
  add(contract: Contract): void;
  /** Throws when a package is offered twice, or a contract lacks a service of its offer, or does not say who may call one of its methods. */
  check(offers: readonly PackageOffer[]): void;
  /**
   * Makes what an instance offers known, from the next lookup on, until the returned function is called, and what callers see of its
   * packages for good: methods that nobody has now are unavailable rather than unknown. By default callers see what is offered.
   */
  admit(offers: readonly PackageOffer[], inForce?: readonly ContractInForce[]): () => void;
  byHash(hash: string): Contract | undefined;
  /** The contract in force for a package version: what callers see. */
  byPackage(name: string): Contract | undefined;
  /** A method by its path, such as `/order.v1.OrderService/GetOrder`, in any contract in force. */
  method(path: string): DescMethod | undefined;
  /** Whether the contract with this hash has the method of a path. */
  has(hash: string, path: string): boolean;
  /** All types of the contract in force that a method is of. */
  registryOf(method: DescMethod): FileRegistry | undefined;
  /** The paths of all methods in force. */
  paths(): Iterable<string>;
  /**
   * Full names of the services that were offered since the start, whether or not an instance serves them now. A contract may have
   * more: nobody need serve all of a package.
   */
  services(): readonly string[];
  /** All files in force, each once by name: the one of its own package, otherwise any. */
  files(): Iterable<DescFile>;
  /** The package versions that were offered since the start, by name, each with the contract in force. */
  packages(): readonly PackageContract[];
  /** Grows with each change. */
  version(): number;
}

/** What callers see of a package version. */
export interface ContractInForce {
  readonly packageName: string;
  readonly hash: string;
  readonly bytes: Uint8Array;
  /** Greater than that of any contract that was in force before. */
  readonly sequence: number;
}

/** A package version that can be called. */
export interface PackageContract {
  /** With its version, such as `customer.v1`. */
  readonly name: string;
  /** SHA-256 of the contract in hexadecimal. */
  readonly hash: string;
  /** The services of the package. */
  readonly services: readonly DescService[];
  /** All types that the contract brings, also those that only a google.protobuf.Any holds. */
  readonly registry: FileRegistry;
  /** The serialized google.protobuf.FileDescriptorSet. */
  readonly bytes: Uint8Array;
}

interface Package {
  readonly hash: string;
  readonly sequence: number;
  /** How many instances offer each hash, none of them 0. */
  readonly offered: Map<string, number>;
  /** The services that instances offered, those that have left included. */
  readonly services: Set<string>;
}

interface Parsed {
  readonly contract: Contract;
  readonly registry: FileRegistry;
  /** Of whatever package. */
  readonly services: readonly DescService[];
  /** Paths of all its methods, of whatever package. */
  readonly paths: ReadonlySet<string>;
}

/** Contracts that are kept: those in force, and old versions of which an instance may come back. */
const CONTRACTS_MAX = 1_000;
/** Bytes of all contracts that are kept; ours have about 100 KB each, and take some ten times as much when parsed. */
const CONTRACT_BYTES_MAX = 64 * 1024 * 1024;

/** Services that every gRPC server may have, whose contracts know nothing of ours. */
/** Services that come with every gRPC server, whose contracts are not ours. */
export const STANDARD = /^grpc\.(health|reflection)\./;

export const createContracts = (): Contracts => {
  const parsed = new Map<string, Parsed>();
  /** By package, what callers see, and how many instances offer each hash. */
  const packages = new Map<string, Package>();
  let bytes = 0;
  let methods = new Map<string, DescMethod>();
  let services: readonly string[] = [];
  let version = 0;

  /** What runs, and what callers see of it, which comes last and goes before the others. */
  const current = function* (): Iterable<[string, Parsed]> {
    for (const [name, { hash, offered }] of packages) {
      for (const each of [...[...offered.keys()].filter((other) => other !== hash), hash]) {
        const found = parsed.get(each);
        if (found) yield [name, found];
      }
    }
  };
  const rebuild = () => {
    const known = [...current()].flatMap(([name, entry]) => servicesIn(name, entry));
    methods = new Map(known.flatMap((service) => service.methods).map((method) => [methodPath(method), method]));
    services = [...packages.values()].flatMap((each) => [...each.services]);
    version++;
  };
  const isFull = () => parsed.size > CONTRACTS_MAX || bytes > CONTRACT_BYTES_MAX;
  const drop = (hash: string) => {
    bytes -= parsed.get(hash)?.contract.fileDescriptorSet.length ?? 0;
    parsed.delete(hash);
  };
  const isNeeded = (hash: string) =>
    [...packages.values()].some((each) => each.hash === hash || each.offered.has(hash));
  /** Makes room: first what no package needs, then packages that nobody offers, each the oldest first. */
  const forget = (kept: string) => {
    const needed = new Set([...packages.values()].flatMap(({ hash, offered }) => [hash, ...offered.keys()]));
    for (const hash of parsed.keys()) if (isFull() && hash !== kept && !needed.has(hash)) drop(hash);
    for (const [name, { hash, offered }] of packages) {
      if (!isFull()) return;
      if (offered.size > 0) continue;
      packages.delete(name);
      if (hash !== kept && !isNeeded(hash)) drop(hash);
      rebuild();
    }
  };
  const checkOffer = ({ name, services: offered, contractHash }: PackageOffer) => {
    const found = parsed.get(contractHash);
    const known = new Map((found ? servicesIn(name, found) : []).map((service) => [service.typeName, service]));
    for (const typeName of offered) {
      const service = known.get(typeName);
      if (service === undefined) throw fail(CONTRACT_INCOMPLETE, { packageName: name, service: typeName });
      const silent = STANDARD.test(typeName) ? [] : undeclaredAccess(service);
      if (silent.length > 0) throw fail(ACCESS_UNDECLARED, { service: typeName, methods: silent.join(", ") });
    }
  };
  const put = ({ contract, registry }: { contract: Contract; registry: FileRegistry }) => {
    const services = [...registry].filter((desc) => desc.kind === "service");
    const paths = new Set(services.flatMap(({ methods }) => methods).map(methodPath));
    parsed.set(contract.contractHash, { contract, registry, services, paths });
    bytes += contract.fileDescriptorSet.length;
  };
  const putInForce = ({ packageName, hash, bytes: set, sequence }: ContractInForce) => {
    const known = packages.get(packageName);
    // Two that were decided one after the other may come here in any order.
    if (known !== undefined && known.sequence >= sequence) return;
    if (!parsed.has(hash)) {
      const { registry } = parseDescriptorSet(set, "heddle.registry.v1");
      put({
        contract: { $typeName: "heddle.registry.v1.Contract", contractHash: hash, fileDescriptorSet: set },
        registry,
      });
    }
    packages.set(packageName, {
      hash,
      sequence,
      offered: known?.offered ?? new Map(),
      services: known?.services ?? new Set(),
    });
    rebuild();
    forget(hash);
  };
  const asInForce = ({ name, contractHash }: PackageOffer): ContractInForce => ({
    packageName: name,
    hash: contractHash,
    bytes: parsed.get(contractHash)?.contract.fileDescriptorSet ?? new Uint8Array(),
    sequence: (packages.get(name)?.sequence ?? 0) + 1,
  });
  const offer = ({ name, contractHash, services: served }: PackageOffer) => {
    const known = packages.get(name);
    if (known === undefined) return;
    const instances = known.offered.get(contractHash) ?? 0;
    known.offered.set(contractHash, instances + 1);
    const isNew = served.some((service) => !known.services.has(service));
    for (const service of served) known.services.add(service);
    if (isNew || (instances === 0 && contractHash !== known.hash)) rebuild();
  };
  const withdraw = ({ name, contractHash }: PackageOffer) => {
    const known = packages.get(name);
    const instances = known?.offered.get(contractHash);
    if (known === undefined || instances === undefined) return;
    if (instances > 1) {
      known.offered.set(contractHash, instances - 1);
      return;
    }
    known.offered.delete(contractHash);
    if (contractHash !== known.hash) rebuild();
  };

  return {
    missing: (offers) =>
      [...new Set(offers.map(({ contractHash }) => contractHash))].filter((hash) => !parsed.has(hash)),
    add(contract) {
      const { registry, hash } = parseDescriptorSet(contract.fileDescriptorSet, "heddle.registry.v1");
      if (hash !== contract.contractHash) {
        throw fail(CONTRACT_HASH_MISMATCH, { actual: hash, claimed: contract.contractHash });
      }
      if (parsed.has(hash)) return;
      put({ contract, registry });
      forget(hash);
      if (isFull()) {
        drop(hash);
        throw fail(CONTRACTS_FULL, { contracts: parsed.size });
      }
    },
    check(offers) {
      const names = new Set<string>();
      for (const { name } of offers) {
        if (names.has(name)) throw fail(PACKAGE_REPEATED, { packageName: name });
        names.add(name);
      }
      offers.forEach(checkOffer);
    },
    admit(offers, inForce = offers.map(asInForce)) {
      inForce.forEach(putInForce);
      offers.forEach(offer);
      return () => offers.forEach(withdraw);
    },
    byHash: (hash) => parsed.get(hash)?.contract,
    byPackage: (name) => parsed.get(packages.get(name)?.hash ?? "")?.contract,
    method: (path) => methods.get(path),
    has: (hash, path) => parsed.get(hash)?.paths.has(path) ?? false,
    registryOf({ parent }) {
      for (const [, { registry }] of current()) if (registry.getService(parent.typeName) === parent) return registry;
      return undefined;
    },
    paths: () => methods.keys(),
    services: () => services,
    files() {
      const files = new Map<string, DescFile>();
      const keep = (file: DescFile) => files.set(file.proto.name, file);
      for (const [, { registry }] of current()) for (const file of registry.files) keep(file);
      // A package that brings a file of another does not decide what that says.
      for (const [name, { registry }] of current()) {
        for (const file of registry.files) if (file.proto.package === name) keep(file);
      }
      return files.values();
    },
    packages() {
      const newest = new Map([...current()]);
      return [...newest]
        .map(([name, entry]) => ({
          name,
          hash: entry.contract.contractHash,
          services: servicesIn(name, entry),
          registry: entry.registry,
          bytes: entry.contract.fileDescriptorSet,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    version: () => version,
  };
};

const servicesIn = (name: string, { services }: Parsed): DescService[] =>
  services.filter((service) => service.file.proto.package === name);

/** The gateway's own contracts and those of its instances, as one for reflection. */
export const mergeDescriptors = (own: DescriptorSource, brought: Contracts): DescriptorSource => ({
  version: () => brought.version(),
  *files() {
    yield* brought.files();
    // Its own come last: no instance can replace what the gateway itself serves.
    yield* own.files();
  },
  services: () => [...new Set([...own.services(), ...brought.services()])],
});
