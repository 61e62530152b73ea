export { createEventFeed, type EventFeed } from "./feed.ts";
export { viewGeneration } from "./store/generation-store.ts";
export { prepareSubscriptions, Subscriber, type SubscriberDeps } from "./subscriber.ts";
export { type EventHandler, on, onPrepared, type ReceivedEvent, type Subscription, type View } from "./subscription.ts";
export { subscriptionService } from "./subscription-service.ts";
