import type { Transport } from "@connectrpc/connect";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { createEventFeed, prepareSubscriptions, Subscriber, subscriptionService } from "../events/index.ts";
import { atHolder, type Replicas } from "../replicas/index.ts";
import type { Implementation } from "../rpc/index.ts";
import type { Store } from "../store/store.ts";
import type { CustomServing, ServiceContext, ServiceDefinition } from "./define-service.ts";

/** What a service does with events: its own, and those of others. */
export interface OwnEvents {
  /** What it serves for that. */
  readonly implementations: readonly Implementation[];
  /** Ends the streams of its own feed. */
  endFeed(): void;
}

/** Serves the feed of a service, and follows those of others wherever this replica holds the lease for it. */
export const followEvents = async (
  definition: ServiceDefinition,
  { subscriptions = [], views = [] }: CustomServing,
  store: Store | undefined,
  context: ServiceContext,
  replicas: Replicas,
  replicaAt: ((address: string) => Transport) | undefined,
): Promise<OwnEvents> => {
  const { clock, timers, random, ids, network, log } = context;
  const runtime = { clock, timers, random, ids, network };
  const subscribes = subscriptions.length > 0 || views.length > 0;
  if (store === undefined) {
    if (subscribes)
      throw new TypeError(`${definition.name} subscribes without a store: give defineService its migrations folder`);
    return { implementations: [], endFeed: () => undefined };
  }
  const feed = definition.publishes?.length ? createEventFeed({ store, runtime, log }) : undefined;
  const feedOf = (of: string) => context.client(EventFeedService, { of });
  const deps = { service: definition.name, store, runtime, log, subscriptions, views, feedOf };
  const implementations = feed === undefined ? [] : [feed.implementation];
  if (subscribes) {
    await prepareSubscriptions(deps);
    let following: Subscriber | undefined;
    replicas.hold("subscriptions", (lease) => {
      const subscriber = new Subscriber({ ...deps, store: lease.store });
      following = subscriber;
      subscriber.start();
      return {
        async stop() {
          await subscriber.stop();
          if (following === subscriber) following = undefined;
        },
      };
    });
    const shown = subscriptionService(() => following, deps);
    implementations.push(replicaAt === undefined ? shown : atHolder(shown, "subscriptions", replicas, replicaAt));
  }
  return { implementations, endFeed: () => feed?.end() };
};
