import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type Subscription, SubscriptionService, SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { KEEPERS } from "./stores.ts";

/** One subscription, and who has it. */
export interface OwnSubscription {
  readonly service: string;
  readonly subscription: Subscription;
}

/** The subscriptions of all services. */
export const allSubscriptions = async (transport: Transport): Promise<OwnSubscription[]> =>
  (await Promise.all(KEEPERS.map((service) => subscriptionsOf(transport, service)))).flat();

/** Why a subscription has not caught up with a feed whose last event is `head`; undefined when it has. Dead letters are at rest. */
export const behind = ({ service, subscription }: OwnSubscription, head: bigint): string | undefined => {
  const { source, view, state, feedLastSequence, oldestUnappliedTime, waiting, lastError } = subscription;
  const name = `${service}'s subscription of ${source}${view === "" ? "" : ` for its view ${view}`}`;
  if (state !== SubscriptionState.CONNECTED) return `${name} is ${SubscriptionState[state]}: ${lastError}`;
  if (waiting !== 0n) return `${name} has ${waiting} events waiting`;
  if (oldestUnappliedTime !== undefined) return `${name} has not applied all events`;
  if (feedLastSequence < head) return `${name} knows of ${feedLastSequence} events of ${head}`;
  return undefined;
};

const subscriptionsOf = async (transport: Transport, service: string): Promise<OwnSubscription[]> => {
  const client = createClient(SubscriptionService, addressedTo(transport, service));
  try {
    const { subscriptions } = await client.listSubscriptions({});
    return subscriptions.map((subscription) => ({ service, subscription }));
  } catch (error) {
    if (doesNotSubscribe(ConnectError.from(error))) return [];
    throw error;
  }
};

/** Nobody serves the contract, or the gateway knows who does, and that this service does not. */
const doesNotSubscribe = ({ code, rawMessage }: ConnectError): boolean =>
  code === Code.Unimplemented || (code === Code.Unavailable && rawMessage.includes("asks for another"));
