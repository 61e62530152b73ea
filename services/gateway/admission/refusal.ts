import { create } from "@bufbuild/protobuf";
import { type ContractViolation, ContractViolationSchema } from "@heddle/contracts/heddle/registry/v1";
import type { ContractBreak } from "@heddle/mesh/contract";

/** Violations that are told of one contract, and characters of each of their texts, which a peer's contract decides. */
export const VIOLATIONS_MAX = 100;
const TEXT_CHARS_MAX = 500;

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

const cut = (text: string): string =>
  (text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`).toWellFormed();
