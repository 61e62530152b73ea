import type { DescMethod } from "@bufbuild/protobuf";
import { Evidence } from "@heddle/contracts/heddle/usage/v1";
import { methodName } from "@heddle/mesh/contract";
import type { DeprecatedElement } from "./deprecated-elements.ts";
import { reachableTypes } from "./reachable-types.ts";
import type { CallerRow, Consumer } from "./usage-rows.ts";

/** How callers of something deprecated are found. */
export interface CallerSearch {
  readonly evidence: Evidence;
  /** The methods whose callers they are. */
  readonly methods: readonly string[];
  /** The field that is looked for in requests. */
  readonly field: { readonly message: string; readonly number: number } | undefined;
}

/** One consumer of something deprecated. */
export interface DeprecatedCaller {
  readonly consumer: Consumer;
  readonly calls: number;
  readonly samplesWithField: number;
  readonly lastTimeMs: number;
}

/** Where to look for the callers of an element. `all`: the methods of every contract in force, since types are shared. */
export const searchOf = (element: DeprecatedElement, all: readonly DescMethod[]): CallerSearch => {
  const { type, number, methods } = element;
  if (type === undefined) return { evidence: Evidence.CALLED, methods: methods.map(methodName), field: undefined };
  const holding = (of: "input" | "output") =>
    all.filter((method) => reachableTypes(method[of]).has(type.typeName)).map(methodName);
  const [requests, replies] = [holding("input"), holding("output")];
  const field = number === 0 ? undefined : { message: type.typeName, number };
  return replies.length === 0 && field !== undefined
    ? { evidence: Evidence.FIELD_SET, methods: requests, field }
    : { evidence: Evidence.MAY_HOLD, methods: [...new Set([...requests, ...replies])], field };
};

/** The callers among what was found for each method of a search, each once, the latest first. */
export const callersIn = (rows: readonly CallerRow[], { evidence }: CallerSearch): DeprecatedCaller[] => {
  const counted = evidence === Evidence.FIELD_SET ? rows.filter(({ samplesWithField }) => samplesWithField > 0) : rows;
  const byConsumer = Map.groupBy(counted, ({ consumer: { kind, name, version } }) => `${kind} ${name}/${version}`);
  const callers = [...byConsumer.values()].flatMap((own) =>
    own.slice(0, 1).map(({ consumer }) => sumOf(consumer, own)),
  );
  return callers.sort((a, b) => b.lastTimeMs - a.lastTimeMs);
};

const sumOf = (consumer: Consumer, rows: readonly CallerRow[]): DeprecatedCaller => ({
  consumer,
  calls: rows.reduce((sum, { calls }) => sum + calls, 0),
  samplesWithField: rows.reduce((sum, { samplesWithField }) => sum + samplesWithField, 0),
  lastTimeMs: Math.max(...rows.map(({ lastTimeMs, fieldTimeMs }) => fieldTimeMs ?? lastTimeMs)),
});
