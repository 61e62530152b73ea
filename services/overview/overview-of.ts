import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CustomerOverview, CustomerOverviewSchema, SourceState } from "@heddle/contracts/overview/v1";
import { SOURCES, type ViewSource } from "./sources.ts";
import type { Told } from "./view.ts";

/** The reason of a source that no event has come from: the view cannot know whether there is nothing, or nothing yet. */
export const NO_EVENT_SEEN = "NO_EVENT_SEEN";

/** What the sources have told of one customer, by the field that shows it. */
export type KnownParts = ReadonlyMap<ViewSource["field"], Told>;

/** The creation of the newest event of each service that is in the view, in milliseconds since the Unix epoch. */
export type AsOf = ReadonlyMap<ViewSource["from"], number>;

/** The view of a customer as callers see it: the parts, and of each source as of when its part holds. */
export const overviewOf = (customerId: string, known: KnownParts, asOf: AsOf): CustomerOverview =>
  create(CustomerOverviewSchema, {
    customerId,
    ...Object.fromEntries([...known].map(([field, { part }]) => [field, part])),
    sources: SOURCES.map(({ source, field, from }) => {
      const asOfMs = asOf.get(from);
      return {
        source,
        ...(known.has(field) ? { state: SourceState.OK } : { state: SourceState.MISSING, reason: NO_EVENT_SEEN }),
        ...(asOfMs !== undefined && { readTime: timestampFromMs(asOfMs) }),
      };
    }),
    ...(known.size > 0 && {
      updateTime: timestampFromMs(Math.max(...[...known.values()].map(({ timeMs }) => timeMs))),
    }),
  });
