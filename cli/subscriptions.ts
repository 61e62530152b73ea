import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { type Subscription, SubscriptionService, SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import type { Instance } from "@heddle/contracts/heddle/registry/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";

/** Milliseconds that a service gets to say how its subscriptions go: one that is stopped says nothing, which is told as well. */
const TIMEOUT_MS = 2_000;

/** What one service says of its subscriptions. */
export interface SubscriptionReport {
  readonly service: string;
  readonly subscriptions: readonly Subscription[];
  /** Why it says nothing; undefined when it answered. */
  readonly silence: string | undefined;
}

/** The client of one service's SubscriptionService. */
export const subscriptionsOf = (gateway: string, service: string): Client<typeof SubscriptionService> =>
  createClient(SubscriptionService, addressedTo(gatewayTransport(gateway), service));

/** What every service that subscribes says, in the order of their names. */
export const listSubscriptions = async (
  gateway: string,
  instances: readonly Instance[],
): Promise<SubscriptionReport[]> => Promise.all(subscribers(instances).map((service) => report(gateway, service)));

/** The names of the services that serve SubscriptionService. */
const subscribers = (instances: readonly Instance[]): string[] => {
  const subscribing = instances.filter(({ packages }) =>
    packages.some(({ services }) => services.includes(SubscriptionService.typeName)),
  );
  return [...new Set(subscribing.map(({ serviceName }) => serviceName))].sort();
};

const report = async (gateway: string, service: string): Promise<SubscriptionReport> => {
  const client = subscriptionsOf(gateway, service);
  const subscriptions: Subscription[] = [];
  try {
    const ask = (pageToken: string) =>
      client.listSubscriptions({ pageSize: 1000, pageToken }, { timeoutMs: TIMEOUT_MS });
    for await (const page of pagesOf(ask)) subscriptions.push(...page.subscriptions);
    return { service, subscriptions, silence: undefined };
  } catch (error) {
    return { service, subscriptions: [], silence: ConnectError.from(error).rawMessage };
  }
};

/** A state in a word, such as `connected`. */
export const stateName = (state: SubscriptionState): string => (SubscriptionState[state] ?? "unknown").toLowerCase();

/** True for a subscription that an operator has to look at. */
export const isAlarm = ({ state }: Subscription): boolean =>
  state === SubscriptionState.STALLED || state === SubscriptionState.DIVERGED;

/** Milliseconds by which a subscription lags. */
export const lagMsOf = ({ lag }: Subscription): number =>
  lag === undefined ? 0 : Number(lag.seconds) * 1_000 + lag.nanos / 1_000_000;
