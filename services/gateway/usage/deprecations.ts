import type { DescMethod } from "@bufbuild/protobuf";
import { methodName, methodOptions } from "@heddle/mesh/contract";
import type { Logger } from "@heddle/mesh/observe";
import type { Clock } from "@heddle/mesh/runtime";
import type { PackageContract } from "../registry/contracts.ts";
import { deprecatedElements } from "./deprecated-elements.ts";
import { DEPRECATIONS_MAX } from "./limits.ts";

/** Since when what is deprecated, and what callers of it are told. */
export interface Deprecations {
  /** When an element was first seen deprecated: now, when it never was. */
  since(element: string): number;
  /** Fields that answers of a method get: name and value in turn; empty unless it is deprecated. */
  answerFields(method: DescMethod): readonly string[];
  /** Notes what these contracts say is deprecated. */
  note(packages: readonly PackageContract[]): void;
  /** What is to be remembered, and was not taken before. */
  takeNew(): ReadonlyMap<string, number>;
}

/** `known`: what is remembered from before, by element. */
export const createDeprecations = (
  known: ReadonlyMap<string, number>,
  { clock, log }: { clock: Clock; log: Logger },
): Deprecations => {
  const times = new Map(known);
  let fresh = new Map<string, number>();
  const fields = new WeakMap<DescMethod, readonly string[]>();

  const since = (element: string): number => {
    const time = times.get(element);
    if (time !== undefined) return time;
    const now = clock.nowMs();
    if (times.size < DEPRECATIONS_MAX) {
      times.set(element, now);
      fresh.set(element, now);
    }
    return now;
  };
  const tell = (method: DescMethod): readonly string[] => {
    const { deprecated, sunset } = methodOptions(method);
    if (!deprecated) return [];
    const name = methodName(method);
    // RFC 9745, 2.1: a date of structured fields.
    const told = ["deprecation", `@${Math.floor(since(name) / 1000)}`];
    if (sunset === undefined) return told;
    const endMs = endOfDay(sunset);
    if (endMs === undefined) log.warn({ method: name, sunset }, "no day to tell callers of: write it as 2027-03-31");
    else told.push("sunset", httpDate(endMs));
    return told;
  };
  return {
    since,
    answerFields(method) {
      const found = fields.get(method) ?? tell(method);
      fields.set(method, found);
      return found;
    },
    note(packages) {
      for (const contract of packages) {
        for (const { name } of deprecatedElements(contract)) since(name);
        const methods = contract.services.flatMap((service) => service.methods);
        // Also those of which only their service or file says it.
        for (const method of methods) if (methodOptions(method).deprecated) since(methodName(method));
      }
    },
    takeNew() {
      const taken = fresh;
      fresh = new Map();
      return taken;
    },
  };
};

/** The last second of a day of UTC, such as `2027-03-31`, in milliseconds since the epoch; undefined when it is no day. */
export const endOfDay = (day: string): number | undefined => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const startMs = Date.parse(`${day}T00:00:00Z`);
  // The 30th of February is read as a day of March.
  if (Number.isNaN(startMs) || new Date(startMs).toISOString().slice(0, 10) !== day) return undefined;
  return startMs + 86_399_000;
};

/** RFC 9110, 5.6.7; RFC 8594 has `sunset` in it. */
const httpDate = (timeMs: number): string => new Date(timeMs).toUTCString();
