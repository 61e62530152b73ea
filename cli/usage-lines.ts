import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type Consumer,
  ConsumerKind,
  type DeprecatedCaller,
  type DeprecatedUsage,
  ElementKind,
  Evidence,
  type FieldUsage,
  type MethodUsage,
} from "@heddle/contracts/heddle/usage/v1";
import { dateText } from "./saga-lines.ts";
import { type Column, formatTable } from "./table.ts";

type Heading = (text: string) => string;

/** A row for each consumer of each method. */
export const methodLines = (methods: readonly MethodUsage[], heading: Heading): string[] =>
  formatTable(
    [text("METHOD"), ...CONSUMER, number("CALLS"), number("REFUSED"), text("FOR"), text("LAST")],
    methods.map((row) => [
      row.method,
      ...consumerCells(row.consumer),
      String(row.calls),
      String(row.refused),
      row.refusals.map(({ reason }) => reason).join(", "),
      minuteText(row.lastTime),
    ]),
    heading,
  );

/** A row for each consumer whose requests set each field. */
export const fieldLines = (fields: readonly FieldUsage[], heading: Heading): string[] =>
  formatTable(
    [text("FIELD"), text("METHOD"), ...CONSUMER, number("SET IN"), number("OF"), text("LAST")],
    fields.map((row) => [
      `${row.message}.${row.field || row.number}`,
      row.method,
      ...consumerCells(row.consumer),
      String(row.samplesWithField),
      String(row.samples),
      minuteText(row.lastTime),
    ]),
    heading,
  );

/** A row for each consumer of each deprecated element; one that says nobody for those that can go. */
export const deprecatedLines = (elements: readonly DeprecatedUsage[], heading: Heading): string[] =>
  formatTable(
    [text("DEPRECATED"), text("SINCE"), text("SUNSET"), ...CONSUMER, number("CALLS"), text("HOW"), text("LAST")],
    elements.flatMap((element) => {
      const head = [
        `${kindText(element.kind)} ${element.element}`,
        dayText(element.deprecateTime),
        element.sunset || "none",
      ];
      if (element.callers.length === 0) return [[...head, "nobody"]];
      const rows = element.callers.map((caller) => [
        ...head,
        ...consumerCells(caller.consumer),
        String(caller.calls),
        howText(element, caller),
        minuteText(caller.lastTime),
      ]);
      const more = element.callerCount - element.callers.length;
      return more > 0 ? [...rows, [...head, `and ${more} more`]] : rows;
    }),
    heading,
  );

const text = (heading: string): Column => ({ heading });
const number = (heading: string): Column => ({ heading, align: "right" });

const CONSUMER: readonly Column[] = [text("CONSUMER"), text("VERSION"), text("KNOWN BY")];

const consumerCells = (consumer: Consumer | undefined): string[] => [
  consumer?.name ?? "",
  consumer?.version ?? "",
  KNOWN_BY[consumer?.kind ?? ConsumerKind.UNSPECIFIED],
];

const KNOWN_BY: Readonly<Record<ConsumerKind, string>> = {
  [ConsumerKind.UNSPECIFIED]: "",
  [ConsumerKind.SERVICE]: "identity",
  [ConsumerKind.USER]: "user",
  [ConsumerKind.DECLARED]: "own word",
  [ConsumerKind.AGENT]: "user agent",
  [ConsumerKind.UNKNOWN]: "nothing",
  [ConsumerKind.OTHER]: "too many",
};

const kindText = (kind: ElementKind): string => (ElementKind[kind] ?? "").toLowerCase().replace("_", " ");

const howText = ({ evidence }: DeprecatedUsage, { samplesWithField }: DeprecatedCaller): string => {
  if (evidence === Evidence.CALLED) return "calls it";
  return samplesWithField > 0n ? "sets it" : "may see it";
};

/** UTC, to the minute: what was counted is known to a few seconds. */
const minuteText = (time: Timestamp | undefined): string => dateText(time).slice(0, "2026-11-21 12:17".length);
const dayText = (time: Timestamp | undefined): string => dateText(time).slice(0, "2026-11-21".length);
