import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import type { ContractViolation, Instance, PackageOffer } from "@heddle/contracts/heddle/registry/v1";
import { descriptorSetHash, fail, nextSteps } from "@heddle/mesh/contract";
import type { Clock } from "@heddle/mesh/runtime";
import type { Store, Tx } from "@heddle/mesh/store";
import { CONTRACT_NOT_FOUND } from "../errors.ts";
import type { ContractInForce, Contracts } from "../registry/contracts.ts";
import type { AdmissionStore } from "../store/admission-store.ts";
import type { ContractStore } from "../store/contract-store.ts";
import type { OverrideStore } from "../store/override-store.ts";
import { judge } from "./judge.ts";
import { type Judged, rememberRefusals } from "./remember-refusals.ts";

/** What was decided over all packages of an instance. */
export type Decided =
  | {
      readonly admitted: true;
      readonly inForce: readonly ContractInForce[];
      readonly outcomes: readonly { readonly packageName: string; readonly outcome: AdmissionOutcome }[];
    }
  | {
      readonly admitted: false;
      /** The packages that break callers, with the contracts that do. */
      readonly refused: readonly { readonly packageName: string; readonly contractHash: string }[];
      readonly violations: readonly ContractViolation[];
      readonly nextSteps: readonly string[];
      /** Whether this service's version hears it for the first time in a row. */
      readonly isNews: boolean;
    };

/** A contract that an instance brings for a package. */
interface Offered {
  readonly name: string;
  readonly contractHash: string;
  readonly offered: Uint8Array;
}

/** Decides which contracts come into force, and remembers it. */
export interface Admission {
  /** Makes the contracts known that these offers name and that were kept. */
  recall(offers: readonly PackageOffer[]): Promise<void>;
  /** Decides over all packages of an instance, whose contracts must be known: all of them are admitted, or none. */
  decide(instance: Instance): Promise<Decided>;
  /** Whether an instance with this contract was refused just now, and not admitted since. */
  isPending(packageName: string, contractHash: string, service: string): boolean;
}

/** Milliseconds after which an instance that was refused has given up: it tries again at least every 10 s. */
const PENDING_MS = 30_000;
/** Refusals that are remembered as pending. */
const PENDING_MAX = 1_000;

export const createAdmission = (deps: {
  store: Store;
  contracts: Contracts;
  kept: ContractStore;
  admissions: AdmissionStore;
  overrides: OverrideStore;
  clock: Clock;
}): Admission => {
  const { store, contracts, kept, admissions, overrides, clock } = deps;
  /** When an instance with a contract of a package was refused last. */
  const pending = new Map<string, number>();
  const judgeOnce = rememberRefusals(judge);

  const bytesOf = async (tx: Tx, hash: string): Promise<Uint8Array | undefined> =>
    contracts.byHash(hash)?.fileDescriptorSet ?? kept.bytes(tx, hash);

  const consider = async (tx: Tx, { name, contractHash, offered }: Offered, nowMs: number) => {
    const current = await kept.package(tx, name);
    const override = await overrides.activeFor(tx, name, contractHash, nowMs);
    const verdict =
      current?.contractHash === contractHash
        ? SAME
        : judgeOnce({
            packageName: name,
            inForceHash: current?.contractHash,
            offeredHash: contractHash,
            inForce: current && (await bytesOf(tx, current.contractHash)),
            offered,
            wasAdmitted: await kept.wasAdmitted(tx, name, contractHash),
            override: override && (override.contractHash === "" ? "any" : "named"),
          });
    const isOverridden = verdict.outcome === AdmissionOutcome.OVERRIDDEN;
    return { name, contractHash, offered, verdict, overrideId: isOverridden ? (override?.id ?? "") : "" };
  };
  type Considered = Awaited<ReturnType<typeof consider>>;

  const record = (tx: Tx, instance: Instance, { name, contractHash, verdict, overrideId }: Considered, nowMs: number) =>
    admissions.record(
      tx,
      {
        package: name,
        contractHash,
        service: instance.serviceName,
        serviceVersion: instance.version,
        outcome: verdict.outcome,
        violations: verdict.violations,
        overrideId,
      },
      nowMs,
    );

  const admit = async (tx: Tx, instance: Instance, considered: Considered, nowMs: number): Promise<ContractInForce> => {
    const { name, contractHash, offered, verdict, overrideId } = considered;
    await kept.put(tx, { hash: contractHash, bytes: offered }, nowMs);
    if (verdict.inForce !== undefined) {
      const hash = descriptorSetHash(verdict.inForce);
      await kept.put(tx, { hash, bytes: verdict.inForce }, nowMs);
      await kept.putInForce(tx, name, hash, nowMs);
    }
    await kept.putAdmitted(tx, name, contractHash, nowMs);
    if (overrideId !== "") await overrides.use(tx, overrideId, contractHash, nowMs);
    await record(tx, instance, considered, nowMs);
    const current = await kept.package(tx, name);
    if (current === undefined) throw new Error(`${name} was admitted and is not in force`);
    const bytes = (await bytesOf(tx, current.contractHash)) ?? offered;
    return { packageName: name, hash: current.contractHash, bytes, sequence: current.sequence };
  };

  return {
    async recall(offers) {
      const hashes = contracts.missing(offers);
      if (hashes.length === 0) return;
      const found = await store.read(async (reader) => {
        const known: { hash: string; bytes: Uint8Array }[] = [];
        for (const hash of hashes) {
          const bytes = await kept.bytes(reader, hash);
          if (bytes !== undefined) known.push({ hash, bytes });
        }
        return known;
      });
      for (const { hash, bytes } of found) {
        contracts.add({ $typeName: "heddle.registry.v1.Contract", contractHash: hash, fileDescriptorSet: bytes });
      }
    },
    async decide(instance) {
      const nowMs = clock.nowMs();
      const keyOf = ({ name, contractHash }: { name: string; contractHash: string }) =>
        keyOfPending(name, contractHash, instance.serviceName);
      // Taken now: while this waits for its turn, others may come, and make the contracts forgotten.
      const offers = instance.packages.map(({ name, contractHash }): Offered => {
        const contract = contracts.byHash(contractHash);
        if (contract === undefined) throw fail(CONTRACT_NOT_FOUND, { contract: contractHash });
        return { name, contractHash, offered: contract.fileDescriptorSet };
      });
      const decided = await store.write(async (tx): Promise<Decided> => {
        const considered: Considered[] = [];
        for (const offer of offers) considered.push(await consider(tx, offer, nowMs));
        const refused = considered.filter(({ verdict }) => verdict.outcome === AdmissionOutcome.REFUSED);
        if (refused.length > 0) {
          const counts: number[] = [];
          for (const each of refused) {
            // Kept, so that it can be looked at beside the one in force.
            await kept.put(tx, { hash: each.contractHash, bytes: each.offered }, nowMs);
            counts.push(await record(tx, instance, each, nowMs));
          }
          await kept.forgetOldest(tx);
          return {
            admitted: false,
            refused: refused.map(({ name, contractHash }) => ({ packageName: name, contractHash })),
            violations: refused.flatMap(({ verdict }) => verdict.violations).slice(0, VIOLATIONS_TOLD_MAX),
            nextSteps: refused.flatMap(({ name, contractHash }) => nextSteps(name, contractHash)),
            isNews: counts.some((count) => count === 1),
          };
        }
        const inForce: ContractInForce[] = [];
        for (const each of considered) inForce.push(await admit(tx, instance, each, nowMs));
        if (considered.some(({ verdict }) => verdict.outcome !== AdmissionOutcome.EQUAL)) await kept.forgetOldest(tx);
        const outcomes = considered.map(({ name, verdict }) => ({ packageName: name, outcome: verdict.outcome }));
        return { admitted: true, inForce, outcomes };
      });
      for (const offer of instance.packages) pending.delete(keyOf(offer));
      if (!decided.admitted) {
        for (const { packageName, contractHash } of decided.refused) {
          pending.set(keyOf({ name: packageName, contractHash }), clock.monotonicMs());
        }
        for (const key of pending.keys()) if (pending.size > PENDING_MAX) pending.delete(key);
      }
      return decided;
    },
    isPending(packageName, contractHash, service) {
      const sinceMs = pending.get(keyOfPending(packageName, contractHash, service));
      return sinceMs !== undefined && clock.monotonicMs() - sinceMs < PENDING_MS;
    },
  };
};

/** As many as the contract of the registry lets one refusal hold. */
const VIOLATIONS_TOLD_MAX = 100;

const SAME: Judged = { outcome: AdmissionOutcome.EQUAL, inForce: undefined, violations: [] };

const keyOfPending = (packageName: string, contractHash: string, service: string): string =>
  `${packageName} ${contractHash} ${service}`;
