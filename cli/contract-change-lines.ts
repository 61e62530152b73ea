import type { FileRegistry } from "@bufbuild/protobuf";
import type { ContractChange, ContractElement } from "@heddle/mesh/contract";
import { describeText } from "./describe-text.ts";
import type { Colors } from "./terminal.ts";

/** One difference between two contracts for a person: the element, and its declaration before (`-`) and after (`+`). */
export const changeLines = (
  { kind, element, before, after }: ContractChange,
  was: FileRegistry,
  is: FileRegistry,
  colors: Colors,
): string[] => {
  const [old, current] = [textOf(before, was), textOf(after, is)];
  if (kind === "added") return [colors.green(`+ ${element}`), ...current.map((line) => `      ${line}`)];
  if (kind === "removed") return [colors.red(`- ${element}`), ...old.map((line) => `      ${line}`)];
  // Of what has parts, which are listed themselves, only what is its own differs here.
  const [gone, come] = [difference(old, current), difference(current, old)].map((lines) =>
    hasParts(before) ? lines.filter((line) => /^ {2}(option|reserved|extensions)\b/.test(line)) : lines,
  );
  return [
    `~ ${element}`,
    ...(gone ?? []).map((line) => colors.red(`    - ${line.trim()}`)),
    ...(come ?? []).map((line) => colors.green(`    + ${line.trim()}`)),
  ];
};

const hasParts = (desc: ContractElement | undefined): boolean =>
  desc?.kind === "message" || desc?.kind === "enum" || desc?.kind === "service";

const difference = (lines: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
};

/** The declaration, comments left out: they are no part of what is promised on the wire. */
const textOf = (desc: ContractElement | undefined, registry: FileRegistry): string[] => {
  if (desc === undefined) return [];
  if (desc.kind === "enum_value") return [`${desc.name} = ${desc.number};`];
  return describeText(desc, registry).filter((line) => !/^\s*\/\//.test(line));
};
