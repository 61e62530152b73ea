import type { DescFile, DescMethod, DescService, FileRegistry } from "@bufbuild/protobuf";
import type { Contract, PackageOffer } from "@heddle/contracts/heddle/registry/v1";
import { fail, parseDescriptorSet } from "@heddle/mesh/contract";
import type { DescriptorSource } from "@heddle/mesh/service";
import { CONTRACT_HASH_MISMATCH, CONTRACT_INCOMPLETE, CONTRACTS_FULL } from "./errors.ts";

/** The contracts that instances brought with them. */
export interface Contracts {
  /** The hashes among these that were never seen. */
  missing(offers: readonly PackageOffer[]): string[];
  /** Keeps a contract. Throws when its bytes are not what its hash says, or no descriptor set, or there are too many. */
  add(contract: Contract): void;
  /**
   * Puts the contracts of an instance in force, from the next lookup on, until the returned function is called. Throws when
   * one of them lacks a service of its offer; then none is in force. What a package had last stays known when nobody offers
   * it any more, so that its methods are unavailable rather than unknown.
   */
  admit(offers: readonly PackageOffer[]): () => void;
  byHash(hash: string): Contract | undefined;
  /** The contract in force for a package version: where instances offer several, the one admitted last. */
  byPackage(name: string): Contract | undefined;
  /** A method by its path, such as `/order.v1.OrderService/GetOrder`, in any contract in force. */
  method(path: string): DescMethod | undefined;
  /** Whether the contract with this hash has the method of a path. */
  has(hash: string, path: string): boolean;
  /** All types of the contract in force that a method is of. */
  registryOf(method: DescMethod): FileRegistry | undefined;
  /** The paths of all methods in force. */
  paths(): Iterable<string>;
  /** Full names of the services in force, whether or not an instance serves them now. */
  services(): readonly string[];
  /** All files in force, each once by name: the one of its own package, otherwise the one admitted last. */
  files(): Iterable<DescFile>;
  /** The package versions in force, by name; where instances offer several contracts of one, the one admitted last. */
  packages(): readonly PackageContract[];
  /** Grows with each change. */
  version(): number;
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

interface Parsed {
  readonly contract: Contract;
  readonly registry: FileRegistry;
  /** Paths of all its methods, of whatever package. */
  readonly paths: ReadonlySet<string>;
}

/** Contracts that are kept: those in force, and old versions of which an instance may come back. */
const CONTRACTS_MAX = 1_000;
/** Bytes of all contracts that are kept; ours have about 100 KB each, and take some ten times as much when parsed. */
const CONTRACT_BYTES_MAX = 64 * 1024 * 1024;

export const createContracts = (): Contracts => {
  const parsed = new Map<string, Parsed>();
  /** By package, how many instances offer each hash; the one admitted last comes last. */
  const inForce = new Map<string, Map<string, number>>();
  let bytes = 0;
  let methods = new Map<string, DescMethod>();
  let services: readonly string[] = [];
  let version = 0;

  const current = function* (): Iterable<[string, Parsed]> {
    for (const [name, hashes] of inForce) {
      for (const hash of hashes.keys()) {
        const found = parsed.get(hash);
        if (found) yield [name, found];
      }
    }
  };
  const rebuild = () => {
    const known = [...current()].flatMap(([name, entry]) => servicesIn(name, entry));
    methods = new Map(known.flatMap((service) => service.methods).map((method) => [pathOf(method), method]));
    services = [...new Set(known.map(({ typeName }) => typeName))];
    version++;
  };
  const isFull = () => parsed.size > CONTRACTS_MAX || bytes > CONTRACT_BYTES_MAX;
  const drop = (hash: string) => {
    bytes -= parsed.get(hash)?.contract.fileDescriptorSet.length ?? 0;
    parsed.delete(hash);
  };
  /** Makes room: first what nobody offers and no package had last, then packages that nobody offers, each the oldest first. */
  const forget = (kept: string) => {
    const needed = new Set([...inForce.values()].flatMap((hashes) => [...hashes.keys()]));
    for (const hash of parsed.keys()) if (isFull() && hash !== kept && !needed.has(hash)) drop(hash);
    for (const [name, hashes] of inForce) {
      if (!isFull()) return;
      if ([...hashes.values()].some((offered) => offered > 0)) continue;
      inForce.delete(name);
      for (const hash of hashes.keys()) if (hash !== kept && !isInForce(hash)) drop(hash);
      rebuild();
    }
  };
  const isInForce = (hash: string) => [...inForce.values()].some((hashes) => hashes.has(hash));
  const check = ({ name, services: offered, contractHash }: PackageOffer) => {
    const found = parsed.get(contractHash);
    const known = new Set(found ? servicesIn(name, found).map(({ typeName }) => typeName) : []);
    const service = offered.find((typeName) => !known.has(typeName));
    if (service !== undefined) throw fail(CONTRACT_INCOMPLETE, { packageName: name, service });
  };
  const withdraw = ({ name, contractHash }: PackageOffer) => {
    const hashes = inForce.get(name);
    const offered = hashes?.get(contractHash);
    if (hashes === undefined || offered === undefined) return;
    hashes.set(contractHash, offered - 1);
    if (offered > 1 || hashes.size === 1) return;
    hashes.delete(contractHash);
    rebuild();
  };
  const putInForce = ({ name, contractHash }: PackageOffer) => {
    const hashes = inForce.get(name) ?? new Map<string, number>();
    inForce.set(name, hashes);
    const offered = hashes.get(contractHash) ?? 0;
    const isLast = [...hashes.keys()].at(-1) === contractHash;
    hashes.delete(contractHash);
    // What the package had last was known for want of another.
    for (const [hash, others] of hashes) if (others === 0) hashes.delete(hash);
    hashes.set(contractHash, offered + 1);
    if (!isLast) rebuild();
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
      const all = [...registry].filter((desc) => desc.kind === "service").flatMap((service) => service.methods);
      parsed.set(hash, { contract, registry, paths: new Set(all.map(pathOf)) });
      bytes += contract.fileDescriptorSet.length;
      forget(hash);
      if (isFull()) {
        drop(hash);
        throw fail(CONTRACTS_FULL, { contracts: parsed.size });
      }
    },
    admit(offers) {
      offers.forEach(check);
      offers.forEach(putInForce);
      return () => offers.forEach(withdraw);
    },
    byHash: (hash) => parsed.get(hash)?.contract,
    byPackage: (name) => parsed.get([...(inForce.get(name)?.keys() ?? [])].at(-1) ?? "")?.contract,
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

const servicesIn = (name: string, { registry }: Parsed): DescService[] =>
  [...registry].filter((desc) => desc.kind === "service").filter((service) => service.file.proto.package === name);

const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

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
