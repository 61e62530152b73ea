import { SERVICE_HEADER } from "@heddle/mesh/rpc";

/** One subscription, as `heddle.events.v1.SubscriptionService` shows it in JSON; what is zero or empty is absent there. */
export interface Subscription {
  /** The service that follows. */
  readonly service: string;
  /** The service that is followed. */
  readonly source: string;
  readonly view?: string;
  readonly state?: string;
  /** The last event of the feed, as far as it is known. */
  readonly feedLastSequence?: string;
  readonly oldestUnappliedTime?: string;
  readonly waiting?: string;
  readonly deadLetters?: string;
  readonly lastError?: string;
}

interface Reply {
  readonly code?: string;
  readonly message?: string;
  readonly subscriptions?: readonly Omit<Subscription, "service">[];
}

/** All subscriptions of a service; undefined when it does not subscribe. */
export const subscriptionsOf = async (url: string, service: string): Promise<Subscription[] | undefined> => {
  const response = await fetch(`${url}/heddle.events.v1.SubscriptionService/ListSubscriptions`, {
    method: "POST",
    headers: { "content-type": "application/json", [SERVICE_HEADER]: service },
    body: "{}",
  });
  const reply = (await response.json()) as Reply;
  if (reply.code === "unimplemented" || isAddressedAmiss(reply)) return undefined;
  if (!response.ok) throw new Error(`${service}: its subscriptions cannot be listed: ${reply.message}`);
  return (reply.subscriptions ?? []).map((subscription) => ({ ...subscription, service }));
};

/** The subscriptions of all these services. */
export const allSubscriptions = async (url: string, services: readonly string[]): Promise<Subscription[]> =>
  (await Promise.all(services.map((service) => subscriptionsOf(url, service)))).flatMap((found) => found ?? []);

/** Why a subscription has not caught up with a feed whose last event is `head`; undefined when it has. Dead letters are at rest. */
export const behind = (subscription: Subscription, head: bigint): string | undefined => {
  const { service, source, view, state, feedLastSequence = "0", oldestUnappliedTime, waiting = "0" } = subscription;
  const name = `${service}'s subscription of ${source}${view === undefined ? "" : ` for its view ${view}`}`;
  if (state !== "SUBSCRIPTION_STATE_CONNECTED") return `${name} is ${state}: ${subscription.lastError ?? ""}`;
  if (waiting !== "0") return `${name} has ${waiting} events waiting`;
  if (oldestUnappliedTime !== undefined) return `${name} has not applied all since ${oldestUnappliedTime}`;
  if (BigInt(feedLastSequence) < head) return `${name} knows of ${feedLastSequence} events of ${head}`;
  return undefined;
};

/** The gateway knows the contract, and that this service does not serve it. */
const isAddressedAmiss = ({ code, message = "" }: Reply): boolean =>
  code === "unavailable" && message.includes("asks for another");
