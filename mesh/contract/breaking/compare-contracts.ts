import { fromBinary } from "@bufbuild/protobuf";
import type { FileDescriptorProto, FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ContractTree, FieldNode } from "./contract-tree.ts";
import { contractTree, fieldsOf, methodsOf, typeNameOf } from "./contract-tree.ts";
import { DELETION_RULES } from "./deletion-rules.ts";
import { ENUM_RULES } from "./enum-rules.ts";
import { FIELD_RULES } from "./field-rules.ts";
import { FIELD_TYPE_RULES } from "./field-type-rules.ts";
import { FILE_RULES } from "./file-rules.ts";
import { MESSAGE_RULES } from "./message-rules.ts";
import type { Change, PairRule, Trees } from "./report.ts";
import { METHOD_RULES, SERVICE_RULES } from "./rpc-rules.ts";
import type { Category, RuleId } from "./rule-table.ts";
import { contractRules } from "./rule-table.ts";

/** One place where a contract breaks those who rely on what it was. */
export interface ContractViolation {
  /** The rule, by buf's id. */
  readonly rule: RuleId;
  /** The file of the new set; of the old one where the new has none. */
  readonly file: string;
  /** Where in the file of the new set, from 1. Absent when the element is gone, or when the set holds no source info. */
  readonly line?: number;
  readonly column?: number;
  /** Full name of what changed, of a file its path: `order.v1.Order.total`. */
  readonly element: string;
  /** What it was and is, in a few words of proto text. */
  readonly before: string;
  readonly after: string;
  /** A sentence that says it. */
  readonly message: string;
}

/** Which rules to judge by, and of which packages. */
export type CompareOptions = ({ readonly category: Category } | { readonly rules: ReadonlySet<RuleId> }) & {
  /** The packages to judge; what else the sets hold only says what types are. Every package when absent. */
  readonly packages?: ReadonlySet<string>;
  /** Which violations to return, others are not counted either. Default: every one. */
  readonly isCounted?: (violation: ContractViolation) => boolean;
  /** How many of those that count to return at most; which of more is not said. Default: all. */
  readonly violationsMax?: number;
};

/** How much of a text is kept: a default may be as long as the set. */
const TEXT_CHARS_MAX = 2048;

/**
 * What breaks between two descriptor sets, by the rules and with the verdicts of `buf breaking`. Sorted by file, line and
 * rule. Pure: the same sets give the same answer. Throws when a set cannot be read, defines a name twice or has one of more
 * than 512 characters.
 *
 * @param before,after google.protobuf.FileDescriptorSet, whole: with all that their files import.
 */
export const compareContracts = (
  before: Uint8Array | FileDescriptorSet,
  after: Uint8Array | FileDescriptorSet,
  options: CompareOptions,
): ContractViolation[] => {
  const rules = "rules" in options ? options.rules : contractRules(options.category);
  const { packages, isCounted = () => true, violationsMax = Infinity } = options;
  const isJudged = (file: FileDescriptorProto): boolean => packages === undefined || packages.has(file.package);
  const trees: Trees = { before: contractTree(read(before)), after: contractTree(read(after)) };

  const violations: ContractViolation[] = [];
  const reporter = (rule: RuleId) => (change: Change) => {
    if (violations.length >= violationsMax) return;
    const { place, element, before: was, after: is, message } = change;
    const violation = { rule, ...place, element, before: cut(was), after: cut(is), message: cut(message) };
    if (isCounted(violation)) violations.push(violation);
  };
  const judge = <N>(pairRules: Partial<Record<RuleId, PairRule<N>>>, pairs: Iterable<readonly [N, N]>): void => {
    const selected = selectedOf(pairRules, rules);
    if (selected.length === 0) return;
    for (const [was, is] of pairs) {
      if (violations.length >= violationsMax) return;
      for (const [id, rule] of selected) rule(was, is, reporter(id), trees);
    }
  };

  const judged: Trees = { before: onlyOf(trees.before, isJudged), after: onlyOf(trees.after, isJudged) };
  for (const [id, rule] of selectedOf(DELETION_RULES, rules)) rule(judged.before, judged.after, reporter(id));
  // A file that went to another package is none of its package any more, and must be seen nonetheless.
  judge(FILE_RULES, pairsOf(judged.before.files, trees.after.files));
  judge(ENUM_RULES, pairsOf(judged.before.enums, judged.after.enums));
  judge(MESSAGE_RULES, pairsOf(judged.before.messages, judged.after.messages));
  judge({ ...FIELD_RULES, ...FIELD_TYPE_RULES }, fieldPairs(judged));
  const services = [...pairsOf(judged.before.services, judged.after.services)];
  judge(SERVICE_RULES, services);
  judge(
    METHOD_RULES,
    services.flatMap(([was, is]) => [...pairsOf(methodsOf(was), methodsOf(is))]),
  );
  return violations.sort(byPlace);
};

/**
 * The rules by which a package that is offered is judged against the one that is served: whatever breaks JSON or the wire, and an RPC
 * that is gone. A file, a service or a type that the offer lacks is none of theirs: it may be a part of the package.
 */
export const ADMISSION_RULES: ReadonlySet<RuleId> = new Set([...contractRules("WIRE_JSON"), "RPC_NO_DELETE"]);

const cut = (text: string): string =>
  text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`.toWellFormed();

const read = (set: Uint8Array | FileDescriptorSet): FileDescriptorSet =>
  set instanceof Uint8Array ? fromBinary(FileDescriptorSetSchema, set) : set;

const selectedOf = <R>(table: Partial<Record<RuleId, R>>, rules: ReadonlySet<RuleId>): [RuleId, R][] =>
  (Object.entries(table) as [RuleId, R][]).filter(([id]) => rules.has(id));

const onlyOf = (tree: ContractTree, isJudged: (file: FileDescriptorProto) => boolean): ContractTree => {
  const only = <N extends { file: FileDescriptorProto }>(nodes: ReadonlyMap<string, N>): Map<string, N> =>
    new Map([...nodes].filter(([, { file }]) => isJudged(file)));
  return {
    files: new Map([...tree.files].filter(([, file]) => isJudged(file))),
    messages: only(tree.messages),
    enums: only(tree.enums),
    services: only(tree.services),
    extensions: only(tree.extensions),
  };
};

/** What has the same key on both sides. */
function* pairsOf<K, N>(before: ReadonlyMap<K, N>, after: ReadonlyMap<K, N>): Iterable<readonly [N, N]> {
  for (const [key, was] of before) {
    const is = after.get(key);
    if (is !== undefined) yield [was, is];
  }
}

/** Fields are the same by the number in their message; so are extensions, by what they extend. */
function* fieldPairs({ before, after }: Trees): Iterable<readonly [FieldNode, FieldNode]> {
  for (const [was, is] of pairsOf(before.messages, after.messages)) yield* pairsOf(fieldsOf(was), fieldsOf(is));
  yield* pairsOf(byExtendee(before), byExtendee(after));
}

const byExtendee = ({ extensions }: ContractTree): Map<string, FieldNode> =>
  new Map([...extensions.values()].map((node) => [`${typeNameOf(node.proto.extendee)} ${node.proto.number}`, node]));

const byPlace = (a: ContractViolation, b: ContractViolation): number =>
  compare(a.file, b.file) ||
  (a.line ?? 0) - (b.line ?? 0) ||
  compare(a.rule, b.rule) ||
  (a.column ?? 0) - (b.column ?? 0) ||
  compare(a.message, b.message);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
