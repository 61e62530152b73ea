import { create, type Message, toJson } from "@bufbuild/protobuf";
import {
  type CustomerOverview,
  OrderSummarySchema,
  type OverviewDifference,
  OverviewDifferenceSchema,
  type OverviewSource,
  SourceState,
} from "@heddle/contracts/overview/v1";
import { SOURCES, type ViewSource } from "./sources.ts";

/** What came of comparing a view with a composition. */
export interface Comparison {
  readonly differences: OverviewDifference[];
  /** The sources that did not answer the composition. */
  readonly unchecked: OverviewSource[];
}

/**
 * Compares a view with a live composition of the same customer, field by field. As of when a part holds, and why there is none,
 * is not compared: the two cannot know the same of it. Counts of a composition that stopped counting are not compared either.
 */
export const compareOverviews = (view: CustomerOverview, composed: CustomerOverview): Comparison => {
  const silent = new Set(
    composed.sources.filter(({ state }) => state === SourceState.UNAVAILABLE).map(({ source }) => source),
  );
  const [unchecked, checked] = [
    SOURCES.filter(({ source }) => silent.has(source)),
    SOURCES.filter(({ source }) => !silent.has(source)),
  ];
  return {
    differences: checked.flatMap((source) => differencesOf(source, view, composed)),
    unchecked: unchecked.map(({ source }) => source),
  };
};

const differencesOf = (source: ViewSource, view: CustomerOverview, composed: CustomerOverview) => {
  const inView = fieldsOf(source, view);
  const inSource = fieldsOf(source, composed);
  const uncounted = composed.orders?.truncated === true ? COUNTS : NONE;
  return [...new Set([...inView.keys(), ...inSource.keys()])]
    .filter((field) => inView.get(field) !== inSource.get(field) && !uncounted.has(field))
    .map((field) =>
      create(OverviewDifferenceSchema, {
        source: source.source,
        field,
        viewValue: inView.get(field) ?? "",
        composedValue: inSource.get(field) ?? "",
      }),
    );
};

const COUNTS: ReadonlySet<string> = new Set([
  "orders.total_count",
  "orders.open_count",
  "orders.fulfilled_count",
  "orders.closed_count",
  "orders.truncated",
]);
const NONE: ReadonlySet<string> = new Set();

/** The fields of a part by their paths, as JSON. No field at all where there is no part. */
const fieldsOf = ({ field, part }: ViewSource, overview: CustomerOverview): ReadonlyMap<string, string> => {
  // A list of no orders is an answer; a customer without orders has no event that says so.
  const absent = field === "orders" ? create(OrderSummarySchema) : undefined;
  const message: Message | undefined = overview[field] ?? absent;
  if (message === undefined) return new Map();
  const json = toJson(part, message, { useProtoFieldName: true, alwaysEmitImplicit: true });
  return new Map(leavesOf(FIELD_NAMES[field], json));
};

const FIELD_NAMES: Readonly<Record<ViewSource["field"], string>> = {
  customer: "customer",
  number: "number",
  creditScore: "credit_score",
  account: "account",
  orders: "orders",
};

const leavesOf = (path: string, json: unknown): (readonly [string, string])[] =>
  typeof json === "object" && json !== null
    ? Object.entries(json).flatMap(([name, value]) => leavesOf(`${path}.${name}`, value))
    : [[path, JSON.stringify(json)]];
