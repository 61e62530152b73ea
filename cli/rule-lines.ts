import { durationMs } from "@bufbuild/protobuf/wkt";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Action, Comparison, HeaderMatch, Rule } from "@heddle/contracts/heddle/traffic/v1";
import { DifferenceKind } from "@heddle/contracts/heddle/traffic/v1";
import { dateText } from "./saga-lines.ts";
import { formatTable } from "./table.ts";
import type { Colors } from "./terminal.ts";
import { formatDuration } from "./units.ts";

/** Rules as a table for a person. */
export const ruleLines = (rules: readonly Rule[], colors: Colors): string[] => {
  const columns = ["RULE", "WHAT", "ENDS", "BY", "REASON"].map((heading) => ({ heading }));
  const cells = rules.map((rule) => [
    rule.id,
    actionText(rule.action),
    rule.expireTime === undefined ? "never" : dateText(rule.expireTime),
    rule.creator,
    rule.reason,
  ]);
  return formatTable(columns, cells, colors.bold);
};

/** What a rule does, in a line, such as `order: 1.3.0 gets 90 %, 1.4.0 gets 10 %`. */
export const actionText = (action: Action | undefined): string => {
  const kind = action?.kind;
  switch (kind?.case) {
    case "split": {
      const { service, versions } = kind.value;
      const sum = versions.reduce((total, { weight }) => total + weight, 0);
      const shares = versions.map(({ version, weight }) => `${version} gets ${percentText((100 * weight) / sum)}`);
      return `${service}: ${shares.join(", ")}`;
    }
    case "headerRoute": {
      const { service, header, version } = kind.value;
      return `${service}: calls with ${headerText(header)} go to ${version}`;
    }
    case "mirror": {
      const { service, version, percent, methods } = kind.value;
      const more = methods.length === 0 ? "reads" : `reads and ${methods.join(", ")}`;
      return `${service}: ${percentText(percent)} of ${more} are copied to ${version}`;
    }
    case "fault": {
      const { target, percent, header, delay, abortCode } = kind.value;
      const effects = [
        ...(delay === undefined ? [] : [`held ${formatDuration(durationMs(delay))}`]),
        ...(abortCode === 0 ? [] : [`failed with ${codeToString(abortCode)}`]),
      ];
      const which = header === undefined ? "" : ` with ${headerText(header)}`;
      return `${target}: ${percentText(percent)} of calls${which} ${effects.join(", then ")}`;
    }
    default:
      return "";
  }
};

/** How mirrored versions answer, a table of what differs below a line for each method. */
export const comparisonLines = (comparisons: readonly Comparison[], colors: Colors): string[] =>
  comparisons.flatMap(({ service, version, method, compared, same, skipped, differences }) => [
    `${colors.bold(method)}  ${service} ${version}: ${same} of ${compared} copies had the same shape${skipped > 0n ? `, ${skipped} were skipped` : ""}`,
    ...differences.map(
      ({ kind, subject, calls }) => `  ${kindText(kind)} ${subject}  ${calls} ${calls === 1n ? "call" : "calls"}`,
    ),
  ]);

const kindText = (kind: DifferenceKind): string => {
  switch (kind) {
    case DifferenceKind.STATUS:
      return "other status";
    case DifferenceKind.MISSING:
      return "missing field";
    case DifferenceKind.ADDED:
      return "added field";
    default:
      return "unreadable";
  }
};

const headerText = (header: HeaderMatch | undefined): string => `${header?.name}: ${header?.value}`;

const percentText = (percent: number): string => `${Number(percent.toFixed(2))} %`;
