import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type CustomerOverview, CustomerOverviewSchema, SourceState } from "@heddle/contracts/overview/v1";
import { SOURCES, type ViewSource } from "./sources.ts";
import type { Told } from "./view.ts";

/** The reason of a source that no event has come from: the view cannot know whether there is nothing, or nothing yet. */
export const NO_EVENT_SEEN = "NO_EVENT_SEEN";

/** What the sources have told of one customer, by the field that shows it. */
export type KnownParts = ReadonlyMap<ViewSource["field"], Told>;

/** The view of a customer as callers see it: the parts, and of each source as of when it holds. */
export const overviewOf = (customerId: string, known: KnownParts): CustomerOverview =>
  create(CustomerOverviewSchema, {
    customerId,
    ...Object.fromEntries([...known].map(([field, { part }]) => [field, part])),
    sources: SOURCES.map(({ source, field }) => {
      const told = known.get(field);
      return told === undefined
        ? { source, state: SourceState.MISSING, reason: NO_EVENT_SEEN }
        : { source, state: SourceState.OK, readTime: timestampFromMs(told.timeMs) };
    }),
    ...(known.size > 0 && {
      updateTime: timestampFromMs(Math.max(...[...known.values()].map(({ timeMs }) => timeMs))),
    }),
  });
