import type { FileRegistry } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ContractService } from "@heddle/contracts/heddle/contract/v1";
import { fail, parseDescriptorSet } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { CallerQuery, Callers, CallerUse } from "../admission/callers.ts";
import { checkPackage } from "../admission/check-package.ts";
import { PACKAGE_NOT_FOUND } from "../errors.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { ContractStore } from "../store/contract-store.ts";

/** Milliseconds that callers are looked back for where the request does not say. */
const CALLERS_WITHIN_MS = 30 * 24 * 60 * 60_000;

/** Says what would be decided over the packages of a descriptor set, and who would be affected. */
export const checkContracts =
  (deps: {
    store: Store;
    kept: ContractStore;
    callers: Callers;
    clock: Clock;
    /** What the gateway serves itself, which no instance brings. */
    catalog: Catalog;
  }): Handler<typeof ContractService.method.checkContracts> =>
  async ({ fileDescriptorSet, packages, callersWithin }) => {
    const { store, kept, callers, clock, catalog } = deps;
    const { registry } = parseDescriptorSet(fileDescriptorSet, "heddle.contract.v1");
    const offered = packagesIn(registry);
    const names = packages.length > 0 ? packages : offered;
    const callable = new Map(catalog.packages().map(({ name, hash, bytes }) => [name, { hash, bytes }]));
    const inForce = await store.read(async (reader) => {
      const known = new Map(callable);
      for (const name of names) {
        const current = await kept.package(reader, name);
        const bytes = current && (await kept.bytes(reader, current.contractHash));
        if (current !== undefined && bytes !== undefined) known.set(name, { hash: current.contractHash, bytes });
      }
      return known;
    });
    const stranger = names.find((name) => !offered.includes(name) && !inForce.has(name));
    if (stranger !== undefined) throw fail(PACKAGE_NOT_FOUND, { packageName: stranger });
    const sinceMs = clock.nowMs() - (callersWithin === undefined ? CALLERS_WITHIN_MS : durationMs(callersWithin));
    const offer = { bytes: fileDescriptorSet, registry };
    // Several breaks of one package hit the same callers.
    const asked = new Map<string, Promise<readonly CallerUse[]>>();
    const callersOf = (query: CallerQuery) => {
      const key = JSON.stringify(query);
      const answer = asked.get(key) ?? callers.of(query, sinceMs);
      asked.set(key, answer);
      return answer;
    };
    const checks = names.toSorted().map((name) => checkPackage(name, inForce.get(name), offer, callersOf));
    return { packages: await Promise.all(checks) };
  };

/** The packages of a set that have a service, but for those that come with every gRPC server. */
const packagesIn = (registry: FileRegistry): string[] => [
  ...new Set(
    [...registry].flatMap((type) =>
      type.kind === "service" && !/^(grpc|google)\./.test(type.typeName) ? [type.file.proto.package] : [],
    ),
  ),
];
