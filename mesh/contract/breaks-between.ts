import { type DescService, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ADMISSION_RULES, type ContractViolation, compareContracts } from "./breaking/index.ts";
import { fileRegistryOf } from "./file-registry.ts";
import { filesKept } from "./merge-contracts.ts";
import { relatedTypes } from "./related-types.ts";

/** One thing in a contract that would break those who call the one before. */
export interface ContractBreak {
  /** Path of the file, as the contract names it. */
  readonly file: string;
  /** From 1; undefined where the contract came without positions. */
  readonly line: number | undefined;
  /** The full name of what broke. */
  readonly element: string;
  /** A rule of `buf breaking`, such as `FIELD_SAME_TYPE`. */
  readonly rule: string;
  readonly message: string;
  /** What broke in the language of `.proto` files, before and after; empty where it is not there, or has no short form. */
  readonly before: string;
  readonly after: string;
}

/** How many breaks are told of two contracts. A made-up one may have as many as it has bytes. */
export const BREAKS_MAX = 1000;

/**
 * What of one package version would break those who call it, by buf's rules WIRE_JSON, RPC_NO_DELETE and SERVICE_NO_DELETE, by file
 * and line; in what the package's messages hold of other packages as well: BREAKS_MAX at most, and which of more is not said. Both are serialized descriptor sets.
 *
 * @param lacking "partial": a file that `after` lacks is a part of the package that its owner does not bring. "deleted": it is gone.
 */
export const breaksBetween = (
  before: Uint8Array,
  after: Uint8Array,
  packageName: string,
  lacking: "partial" | "deleted",
): ContractBreak[] => {
  const [was, is] = [before, after].map((bytes) => fromBinary(FileDescriptorSetSchema, bytes));
  if (was === undefined || is === undefined) return [];
  const [old, current] = [fileRegistryOf(was), fileRegistryOf(is)];
  const types = relatedTypes(old, packageName);
  const packages = new Set(Array.from(types.values(), ({ file }) => file.proto.package));
  // Of what a package of others has, callers only notice what this one holds of it.
  const isNoticed = ({ element, file }: ContractViolation) =>
    isOwn(old, file, packageName) || types.has(element) || types.has(element.slice(0, element.lastIndexOf(".")));
  const compared = compareContracts(was, is, {
    rules: ADMISSION_RULES,
    packages,
    isCounted: isNoticed,
    violationsMax: BREAKS_MAX,
  });
  const breaks = compared.map(({ file, line, element, rule, message, before, after }) => ({
    file,
    line,
    element,
    rule,
    message,
    before,
    after,
  }));
  const kept = lacking === "partial" ? filesKept(old, current, packageName) : new Set<string>();
  const gone = servicesOf(old, packageName).filter(
    (service) => current.getService(service.typeName) === undefined && !kept.has(service.file.proto.name),
  );
  return [...gone.map(serviceDeleted), ...breaks].slice(0, BREAKS_MAX).sort(byPlace);
};

const serviceDeleted = (service: DescService): ContractBreak => ({
  file: service.file.proto.name,
  line: undefined,
  element: service.typeName,
  rule: "SERVICE_NO_DELETE",
  message: `Service "${service.name}" with ${service.methods.map(({ name }) => name).join(", ")} was deleted.`,
  before: `service ${service.name}`,
  after: "",
});

const isOwn = (registry: FileRegistry, file: string, packageName: string): boolean =>
  registry.getFile(file)?.proto.package === packageName;

const servicesOf = (registry: FileRegistry, packageName: string): DescService[] =>
  [...registry].filter(
    (type): type is DescService => type.kind === "service" && type.file.proto.package === packageName,
  );

const byPlace = (a: ContractBreak, b: ContractBreak): number =>
  compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || compare(a.rule, b.rule) || compare(a.element, b.element);

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
