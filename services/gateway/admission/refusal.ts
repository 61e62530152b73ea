import { create } from "@bufbuild/protobuf";
import { type ContractViolation, ContractViolationSchema } from "@heddle/contracts/heddle/registry/v1";
import type { ContractBreak } from "@heddle/mesh/contract";

/** Violations that are told of one contract, and characters of each of their texts, which a peer's contract decides. */
export const VIOLATIONS_MAX = 100;
const TEXT_CHARS_MAX = 500;
/** Digits of a hash that a person is shown: enough to tell any two contracts apart. */
const HASH_CHARS = 12;

/** What would break callers, as it is told and kept. */
export const violationsOf = (packageName: string, breaks: readonly ContractBreak[]): ContractViolation[] =>
  breaks.slice(0, VIOLATIONS_MAX).map(({ file, line, element, rule, message, before, after }) =>
    create(ContractViolationSchema, {
      file: cut(file),
      line: line ?? 0,
      element: cut(element),
      rule,
      message: cut(message),
      before: cut(before),
      after: cut(after),
      package: packageName,
    }),
  );

/** What to do about a contract that is refused, one way each. */
export const nextSteps = (packageName: string, contractHash: string): string[] => [
  `undo the change, or release ${nextVersion(packageName)} beside ${packageName}`,
  `an operator lets it in: heddle contracts allow ${packageName} --hash ${contractHash.slice(0, HASH_CHARS)} --reason "…"`,
];

/** The package that may break what this one promised: `customer.v2` of `customer.v1`. */
export const nextVersion = (packageName: string): string => {
  const [, base, version] = /^(.*\.v)([0-9]{1,9})$/.exec(packageName) ?? [];
  return base === undefined ? `${packageName}.v2` : `${base}${Number(version) + 1}`;
};

const cut = (text: string): string =>
  (text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`).toWellFormed();
