export { type EventHandler, on, onPrepared, type ReceivedEvent, type Subscription, type View } from "./subscription.ts";
