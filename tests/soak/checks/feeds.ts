import { timestampMs } from "@bufbuild/protobuf/wkt";
import { CustomerState } from "@heddle/contracts/customer/v1";
import { byKey, type Check, checking, type Evidence } from "./check.ts";
import { accountIn, customerIn, orderIn } from "./decode-event.ts";

/** Each feed is numbered 1, 2, 3 without a hole, in the order of its times. */
export const feedsAreWhole = ({ stores }: Evidence): Check => {
  const check = checking("events are numbered without holes", "events");
  for (const [service, events] of stores.events) {
    for (const [index, { sequence }] of events.entries()) {
      check.look();
      if (sequence === BigInt(index + 1)) continue;
      check.expect(false, () => `${service}: event ${index + 1} is missing; ${sequence} follows`);
      break;
    }
  }
  return check.done();
};

/** The latest event of each customer, account and order tells what its owner's database says now. */
export const lastEventsAreTheState = ({ stores }: Evidence): Check => {
  const check = checking("the last event of each resource tells its state", "resources");
  const eventsOf = (service: string) => stores.events.get(service) ?? [];

  const customers = byKey(
    eventsOf("customer").flatMap((event) => customerIn(event) ?? []),
    ({ id }) => id,
  );
  for (const { id, email, deleted } of stores.customers) {
    check.look();
    const told = customers.get(id);
    check.expect(
      told?.email === email && (told.state === CustomerState.DELETED) === (deleted === 1n),
      () => `customer ${id}: its last event tells another state`,
    );
  }
  const accounts = byKey(
    eventsOf("billing").flatMap((event) => accountIn(event) ?? []),
    ({ id }) => id,
  );
  for (const { id, creditLimit, balance, held } of stores.accounts) {
    check.look();
    const told = accounts.get(id);
    check.expect(
      told?.creditLimit?.minorUnits === creditLimit &&
        told.balance?.minorUnits === balance &&
        told.authorizedAmount?.minorUnits === held,
      () =>
        `account ${id}: its last event tells limit ${told?.creditLimit?.minorUnits}, balance ${told?.balance?.minorUnits}, held ${told?.authorizedAmount?.minorUnits}; it has ${creditLimit}, ${balance}, ${held}`,
    );
  }
  const orders = byKey(
    eventsOf("order").flatMap((event) => orderIn(event) ?? []),
    ({ id }) => id,
  );
  for (const { id, state, authorizationId } of stores.orders) {
    check.look();
    const told = orders.get(id);
    check.expect(
      told?.state === Number(state) && told.authorizationId === authorizationId,
      () => `order ${id}: its last event tells another state`,
    );
    check.expect(
      told?.createTime !== undefined && timestampMs(told.createTime) > 0,
      () => `order ${id}: its events have no time`,
    );
  }
  return check.done();
};

/** The services that live on events of others. */
const SUBSCRIBERS = ["creditscore", "order", "overview", "socialsecurity"] as const;

/** Every event took effect at every subscriber: none was given up as a dead letter. */
export const everyEventTookEffect = ({ answers }: Evidence): Check => {
  const check = checking("every event took effect at every subscriber", "subscriptions");
  const subscribers = new Set(answers.subscriptions.map(({ service }) => service));
  for (const service of SUBSCRIBERS) check.expect(subscribers.has(service), () => `${service} subscribes to nobody`);
  for (const { service, subscription } of answers.subscriptions) {
    check.look();
    const { source, deadLetters, lastError } = subscription;
    check.expect(
      deadLetters === 0n,
      () => `${service} has ${deadLetters} dead letters of ${source}, the last error was: ${lastError}`,
    );
  }
  return check.done();
};
