import {
  type AffectedCaller,
  type CheckedViolation,
  CheckVerdict,
  type PackageCheck,
} from "@heddle/contracts/heddle/contract/v1";
import { nextVersion, violationLine } from "@heddle/mesh/contract";
import { dateText } from "./saga-lines.ts";
import type { Colors } from "./terminal.ts";

/** Methods that are named where nobody called them. */
const METHODS_SHOWN_MAX = 3;

/** A verdict in a word. */
export const verdictName = (verdict: CheckVerdict, colors: Colors): string => {
  const name = (CheckVerdict[verdict] ?? "unknown").toLowerCase();
  if (verdict === CheckVerdict.BREAKING) return colors.red(name);
  return verdict === CheckVerdict.UNCHANGED ? name : colors.green(name);
};

/** What would break in a package: each violation with what it was and is, and whom it would hit. */
export const checkLines = (check: PackageCheck, folder: string, withinDays: number, colors: Colors): string[] => {
  const { violations, violationCount } = check;
  const lines: string[] = [];
  for (const [index, { violation, ...affected }] of violations.entries()) {
    if (violation === undefined) continue;
    const { before, after, element } = violation;
    const file = violation.file === "" ? "" : `${folder === "." ? "" : `${folder}/`}${violation.file}`;
    lines.push(violationLine({ ...violation, file }));
    if (before !== "" || after !== "") {
      lines.push(
        `    ${colors.dim("before")}  ${before || "not there"}`,
        `    ${colors.dim("after")}   ${after || "deleted"}`,
      );
    }
    // Two rules often say of one element what is one thing to its callers.
    if (!isUndeclared(violation) && violations[index + 1]?.violation?.element !== element)
      lines.push(...callerLines(affected, withinDays, colors));
  }
  if (violationCount > violations.length) lines.push(`and ${violationCount - violations.length} more`);
  return lines;
};

/** What to do about packages that would break callers: the commands that copy each to its next version that is not `taken`. */
export const nextLines = (
  broken: readonly PackageCheck[],
  folder: string,
  taken: (folder: string) => boolean,
): string[] => {
  const breaking = broken.filter(({ violations }) => violations.some(({ violation }) => !isUndeclared(violation)));
  const isSilent = broken.some(({ violations }) => violations.some(({ violation }) => isUndeclared(violation)));
  return [
    ...(breaking.length === 0 ? [] : copyLines(breaking, folder, taken)),
    ...(isSilent ? ['add "option (heddle.options.v1.access)" to each method that does not say who may call it.'] : []),
  ];
};

/** The registry takes no method without access; nobody's call breaks by it. */
const isUndeclared = (violation: CheckedViolation["violation"]): boolean => violation?.rule === "ACCESS_UNDECLARED";

const copyLines = (broken: readonly PackageCheck[], folder: string, taken: (folder: string) => boolean): string[] => [
  "undo it and deprecate instead, or release the next version of the package beside the old one:",
  ...broken.map(({ package: name }) => {
    let next = nextVersion(name);
    while (taken(folderOf(next, folder))) next = nextVersion(next);
    return `  cp -R ${folderOf(name, folder)} ${folderOf(next, folder)}`;
  }),
  "then name the copy's package by its new version, and undo the change in the old one.",
];

const folderOf = (name: string, folder: string): string => `${folder}/${name.replaceAll(".", "/")}`;

const callerLines = (
  { methods, callers }: Pick<CheckedViolation, "methods" | "callers">,
  withinDays: number,
  colors: Colors,
): string[] => {
  if (methods.length === 0) return [`    ${colors.dim("callers")} none: no request or reply holds it`];
  if (callers.length === 0) {
    const shown = methods.slice(0, METHODS_SHOWN_MAX).join(", ");
    const more = methods.length > METHODS_SHOWN_MAX ? ` and ${methods.length - METHODS_SHOWN_MAX} more` : "";
    return [`    ${colors.dim("callers")} none in the last ${withinDays} days of ${shown}${more}`];
  }
  return callers.map((caller, index) => `    ${colors.dim(index === 0 ? "callers" : "       ")} ${callerText(caller)}`);
};

/** `order 1.2.0 called customer.v1.CustomerService/GetCustomer 1204 times, last 2026-11-21 12:17:26.683, and sets it` */
const callerText = ({
  consumer,
  consumerVersion,
  method,
  callCount,
  lastCallTime,
  setsField,
}: AffectedCaller): string => {
  const who = [consumer, consumerVersion].filter((part) => part !== "").join(" ");
  const sets = setsField === undefined ? "" : setsField ? ", and sets it" : ", and was not seen to set it";
  return `${who} called ${method} ${callCount === 1n ? "once" : `${callCount} times`}, last ${dateText(lastCallTime)}${sets}`;
};
