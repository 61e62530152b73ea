import { type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { AdmissionOutcome } from "@heddle/contracts/heddle/contract/v1";
import {
  breaksBetween,
  type ContractBreak,
  changesBetween,
  fileRegistryOf,
  holdsContract,
  mergeContracts,
  parseDescriptorSet,
} from "@heddle/mesh/contract";

/** A contract that an instance offers for a package, and what is known of the package. */
export interface Case {
  readonly packageName: string;
  /** What callers see; undefined when the package was never admitted. */
  readonly inForce: Uint8Array | undefined;
  readonly offered: Uint8Array;
  /** Whether the offered contract was admitted once. */
  readonly wasAdmitted: boolean;
  /** What lets it in although it breaks callers: an override that names it, or one for whatever comes next. */
  readonly override: "named" | "any" | undefined;
}

export interface Verdict {
  readonly outcome: AdmissionOutcome;
  /** What callers see from now on; undefined: what they saw before. */
  readonly inForce: Uint8Array | undefined;
  /** What breaks callers; empty unless it is refused or an override lets it in. */
  readonly breaks: readonly ContractBreak[];
}

/**
 * Decides over one contract. What is compared is always what callers see, which grows and never shrinks but by an override:
 * - what adds nothing to it changes nothing;
 * - what adds something and breaks nothing takes its place, files that it lacks kept;
 * - what was admitted once may come back, and takes calls for what it has: a release is rolled out, and back, instance by instance;
 * - everything else is refused.
 */
export const judge = ({ packageName, inForce, offered, wasAdmitted, override }: Case): Verdict => {
  if (inForce === undefined) return { outcome: AdmissionOutcome.FIRST, inForce: offered, breaks: [] };
  if (holdsContract(inForce, offered)) return unchanged(AdmissionOutcome.EQUAL);
  const next = successor(inForce, offered, packageName);
  if (next.breaks.length > 0) {
    if (override === "named" || (override === "any" && !wasAdmitted)) {
      return { outcome: AdmissionOutcome.OVERRIDDEN, inForce: next.merged ?? offered, breaks: next.breaks };
    }
    if (wasAdmitted) return unchanged(AdmissionOutcome.EARLIER);
    return { outcome: AdmissionOutcome.REFUSED, inForce: undefined, breaks: next.breaks };
  }
  // Two releases that say the same in other words, comments for one: neither takes the other's place each time it comes.
  if (wasAdmitted && breaksBetween(offered, inForce, packageName, "partial").length === 0) {
    return unchanged(AdmissionOutcome.EARLIER);
  }
  if (addsNothing(inForce, offered, packageName)) return unchanged(AdmissionOutcome.EQUAL);
  return { outcome: AdmissionOutcome.COMPATIBLE, inForce: next.merged ?? offered, breaks: [] };
};

const unchanged = (outcome: AdmissionOutcome): Verdict => ({ outcome, inForce: undefined, breaks: [] });

/** What callers would see after a contract, and what would break them. */
const successor = (
  inForce: Uint8Array,
  offered: Uint8Array,
  packageName: string,
): { readonly merged: Uint8Array | undefined; readonly breaks: readonly ContractBreak[] } => {
  const breaks = breaksBetween(inForce, offered, packageName, "partial");
  const merged = mergeContracts(inForce, offered, packageName);
  if (merged === offered) return { merged, breaks };
  try {
    parseDescriptorSet(merged, "heddle.registry.v1");
    return { merged, breaks };
  } catch (error) {
    return { merged: undefined, breaks: [...breaks, unmergeable(packageName, error)] };
  }
};

/** A file that others still serve needs a type of a file that no longer has it. */
const unmergeable = (packageName: string, cause: unknown): ContractBreak => ({
  file: "",
  line: undefined,
  element: packageName,
  rule: "FILE_NO_DELETE",
  message: `It lacks a file of ${packageName} that is in force, and changes what that file needs: ${cause instanceof Error ? cause.message : cause}.`,
  before: "",
  after: "",
});

/** Whether a contract that brings no comments says nothing else than the one in force; foreign compilers leave comments out. */
const addsNothing = (inForce: Uint8Array, offered: Uint8Array, packageName: string): boolean => {
  const registry = registryOf(offered);
  for (const { proto } of registry.files) if ((proto.sourceCodeInfo?.location.length ?? 0) > 0) return false;
  const known = registryOf(inForce);
  const brought = new Set(Array.from(registry.files, ({ proto }) => proto.name));
  return changesBetween(known, registry, packageName).every(
    ({ kind, before }) => kind === "removed" && before !== undefined && !brought.has(fileOf(before)),
  );
};

const fileOf = (element: NonNullable<ReturnType<typeof changesBetween>[number]["before"]>): string =>
  ("file" in element ? element.file : element.parent.file).proto.name;

const registryOf = (bytes: Uint8Array): FileRegistry => fileRegistryOf(fromBinary(FileDescriptorSetSchema, bytes));
