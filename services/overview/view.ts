import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { OrderState } from "@heddle/contracts/order/v1";
import {
  type CustomerOverview,
  CustomerOverviewSchema,
  OverviewSource,
  SourceState,
  type SourceStatus,
  SourceStatusSchema,
} from "@heddle/contracts/overview/v1";
import { laterOf } from "./parts.ts";
import { effectOf, type ViewPayload } from "./view-effects.ts";

/** What events have told of one customer. */
export interface View {
  readonly overview: CustomerOverview;
  /** The states of orders by their id: at least that of the order that the next event is about, if it was named before. */
  readonly orderStates: ReadonlyMap<string, OrderState>;
}

/** One event of another service. */
export interface ViewEvent {
  /** When it happened, by its owner's clock. */
  readonly createTime: Timestamp;
  readonly payload: ViewPayload;
}

/** The reason of a source that no event has come from: the view cannot know whether there is nothing, or nothing yet. */
export const NO_EVENT_SEEN = "NO_EVENT_SEEN";

/** The sources of an overview, in the order in which it shows them. */
export const SOURCES: readonly OverviewSource[] = [
  OverviewSource.CUSTOMER,
  OverviewSource.SOCIALSECURITY,
  OverviewSource.CREDITSCORE,
  OverviewSource.BILLING,
  OverviewSource.ORDER,
];

/** A customer before the first event. */
export const emptyView = (customerId: string): View => ({
  overview: create(CustomerOverviewSchema, {
    customerId,
    sources: SOURCES.map((source) => ({ source, state: SourceState.MISSING, reason: NO_EVENT_SEEN })),
  }),
  orderStates: new Map(),
});

/**
 * The view after an event of its customer. Times are the events' own, never a clock's, so that a replay gives the same view.
 * Throws TypeError for an event that lacks what it is about, or is about another customer.
 */
export const applyToView = ({ overview, orderStates }: View, { createTime, payload }: ViewEvent): View => {
  const { source, customerId, change } = effectOf(payload, createTime);
  if (customerId !== overview.customerId) {
    throw new TypeError(`${payload.$typeName} is about ${customerId}, not about ${overview.customerId}`);
  }
  const { orderState, ...part } = change({ overview, orderStates });
  const updateTime = laterOf(overview.updateTime, createTime) ?? createTime;
  return {
    overview: create(CustomerOverviewSchema, {
      ...overview,
      ...part,
      sources: overview.sources.map((status) => (status.source === source ? heardFrom(status, createTime) : status)),
      updateTime,
    }),
    orderStates: orderState === undefined ? orderStates : new Map([...orderStates, orderState]),
  };
};

/** Orders are applied in parallel, so that the time of one event may lie before that of another. */
const heardFrom = (status: SourceStatus, createTime: Timestamp): SourceStatus =>
  create(SourceStatusSchema, {
    source: status.source,
    state: SourceState.OK,
    readTime: laterOf(status.readTime, createTime) ?? createTime,
  });
