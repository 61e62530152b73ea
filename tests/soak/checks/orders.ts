import { fromBinary } from "@bufbuild/protobuf";
import { CustomerService } from "@heddle/contracts/customer/v1";
import {
  type Order,
  OrderPlacedSchema,
  OrderRejectionReason,
  OrderService,
  OrderState,
} from "@heddle/contracts/order/v1";
import { CALM_WISHES, calmSku } from "../life.ts";
import type { OrderRow } from "../stores.ts";
import { byKey, type Check, checking, type Evidence, groupedBy } from "./check.ts";

/** What may follow a state, at once or by several steps. */
const LATER: Readonly<Record<number, readonly OrderState[]>> = {
  [OrderState.PENDING]: [
    OrderState.PENDING,
    OrderState.CONFIRMED,
    OrderState.REJECTED,
    OrderState.FULFILLED,
    OrderState.CANCELLED,
  ],
  [OrderState.CONFIRMED]: [OrderState.CONFIRMED, OrderState.FULFILLED, OrderState.CANCELLED],
  [OrderState.REJECTED]: [OrderState.REJECTED],
  [OrderState.FULFILLED]: [OrderState.FULFILLED, OrderState.CANCELLED],
  [OrderState.CANCELLED]: [OrderState.CANCELLED],
};

/** Every order that a client was shown is there as it was shown, in that state or a later one. */
export const acknowledgedOrders = ({ ledger, stores }: Evidence): Check => {
  const check = checking("nothing acknowledged is lost: orders and their states", "answers");
  const orders = byKey(stores.orders, ({ id }) => id);
  const { placeOrder, getOrder, fulfilOrder, cancelOrder } = OrderService.method;
  const shown = [
    ...ledger.to(placeOrder).map(({ id, answers }) => ({ id, answers, least: undefined })),
    ...ledger.to(getOrder).map(({ id, answers }) => ({ id, answers, least: undefined })),
    ...ledger.to(fulfilOrder).map(({ id, answers }) => ({ id, answers, least: OrderState.FULFILLED })),
    ...ledger.to(cancelOrder).map(({ id, answers }) => ({ id, answers, least: OrderState.CANCELLED })),
  ];
  for (const { id, answers, least } of shown) {
    for (const { order } of answers) {
      check.look();
      const stored = order && orders.get(order.id);
      if (order === undefined || stored === undefined) {
        check.expect(false, () => `${id}: order ${order?.id} is lost`);
        continue;
      }
      const problem = contradiction(order, stored);
      check.expect(problem === undefined, () => `${id}: order ${order.id} ${problem}`);
      check.expect(
        least === undefined || LATER[least]?.includes(order.state) === true,
        () => `${id}: was acknowledged, and the order was ${OrderState[order.state]}`,
      );
    }
  }
  return check.done();
};

const contradiction = (shown: Order, stored: OrderRow): string | undefined => {
  const state = Number(stored.state);
  if (LATER[shown.state]?.includes(state) !== true)
    return `was ${OrderState[shown.state]}, and is ${OrderState[state]}`;
  if (stored.customerId !== shown.customerId) return "is another customer's";
  if (stored.total !== shown.total?.minorUnits || stored.currencyCode !== shown.total.currencyCode)
    return "has another total";
  if (shown.authorizationId !== "" && stored.authorizationId !== shown.authorizationId)
    return `had authorization ${shown.authorizationId}, and has ${stored.authorizationId}`;
  if (shown.state === OrderState.REJECTED && stored.rejectionReason !== BigInt(shown.rejectionReason))
    return "was rejected for another reason";
  return undefined;
};

/** Each request made at most one order, and each order was asked for: its end, too. */
export const askedForOnce = ({ ledger, stores, answers }: Evidence): Check => {
  const check = checking("each request made one order at most, and nothing happened that nobody asked for", "orders");
  const placed = byKey(ledger.to(OrderService.method.placeOrder), ({ request }) => request.lines[0]?.sku);
  const orders = groupedBy(answers.orders, ({ lines }) => lines[0]?.sku);
  const states = byKey(stores.orders, ({ id }) => id);
  const { fulfilOrder, cancelOrder } = OrderService.method;
  const fulfilments = new Set(ledger.to(fulfilOrder).map(({ request }) => request.orderId));
  const cancellations = new Set(ledger.to(cancelOrder).map(({ request }) => request.orderId));
  const deletions = new Set(ledger.to(CustomerService.method.deleteCustomer).map(({ request }) => request.customerId));
  for (const [sku, made] of orders) {
    check.look();
    const asked = placed.get(sku)?.request;
    check.expect(
      made.length === 1,
      () => `${sku}: ${made.length} orders were made: ${made.map(({ id }) => id).join(", ")}`,
    );
    check.expect(asked !== undefined, () => `order ${made[0]?.id} was asked for by nobody`);
    for (const { id, customerId, lines } of made) {
      const [line] = lines;
      const [wanted] = asked?.lines ?? [];
      check.expect(
        customerId === asked?.customerId &&
          line?.quantity === wanted?.quantity &&
          line?.unitPrice?.minorUnits === wanted?.unitPrice?.minorUnits,
        () => `order ${id} is another than was asked for`,
      );
      const state = Number(states.get(id)?.state);
      check.expect(
        state !== OrderState.FULFILLED || fulfilments.has(id),
        () => `order ${id} is fulfilled, and nobody asked for that`,
      );
      check.expect(
        state !== OrderState.CANCELLED || cancellations.has(id) || deletions.has(customerId),
        () => `order ${id} is cancelled, and nobody asked for that`,
      );
    }
  }
  return check.done();
};

/** Whoever watches an order is told of each of its transitions, once and in order, and of the end when there is one. */
export const watchersSeeAll = ({ ledger, stores }: Evidence): Check => {
  const check = checking("who watches an order is told of each transition once", "watched orders");
  const transitions = groupedBy(stores.transitions, ({ orderId }) => orderId);
  for (const [orderId, lines] of ledger.watches) {
    check.look();
    const told = lines.flatMap((line) => (line.kind === "watched" ? [`${line.sequence}:${line.toState}`] : []));
    const steps = transitions.get(orderId) ?? [];
    const lived = steps.map(({ sequence, toState }) => `${sequence}:${toState}`);
    check.expect(told.join() === lived.join(), () => `order ${orderId}: was told ${told}, and had ${lived}`);
    const isFinal = FINAL.has(Number(steps.at(-1)?.toState));
    check.expect(
      (lines.at(-1)?.kind === "watch-ended") === isFinal,
      () => `order ${orderId}: the watch ${isFinal ? "never ended" : "ended too early"}`,
    );
  }
  return check.done();
};

const FINAL: ReadonlySet<OrderState> = new Set([OrderState.REJECTED, OrderState.CANCELLED]);

/** The state that a wish ends in. */
const ENDS = {
  wait: OrderState.CONFIRMED,
  fulfil: OrderState.FULFILLED,
  cancel: OrderState.CANCELLED,
  return: OrderState.CANCELLED,
} as const satisfies Record<(typeof CALM_WISHES)[number], OrderState>;

/** Whoever comes after the chaos gets what is wished for, as if there had been none. */
export const worksAfterwards = ({ answers }: Evidence): Check => {
  const check = checking("once the chaos is over everything works as before", "orders");
  for (const wish of CALM_WISHES) {
    check.look();
    const order = answers.orders.find(({ lines }) => lines[0]?.sku === calmSku(wish));
    check.expect(
      order?.state === ENDS[wish],
      () =>
        `${calmSku(wish)}: the order is ${OrderState[order?.state ?? 0]} (${OrderRejectionReason[order?.rejectionReason ?? 0]}), not ${OrderState[ENDS[wish]]}`,
    );
  }
  return check.done();
};

/** The only first steps and next steps that exist, as `order.v1.OrderState` says. */
const STEPS: ReadonlySet<string> = new Set(["0>1", "1>2", "1>3", "2>4", "2>5", "5>4"]);

/** The event that tells of a step, by the state that it ends in. */
const EVENT_OF: Readonly<Record<number, string>> = {
  [OrderState.PENDING]: OrderPlacedSchema.typeName,
  [OrderState.CONFIRMED]: "order.v1.OrderConfirmed",
  [OrderState.REJECTED]: "order.v1.OrderRejected",
  [OrderState.CANCELLED]: "order.v1.OrderCancelled",
  [OrderState.FULFILLED]: "order.v1.OrderFulfilled",
};

/** The history of each order leads to its state by legal steps, one event tells of each step, and the API shows the same. */
export const historiesAgree = ({ stores, answers }: Evidence): Check => {
  const check = checking("each order's transitions, events and state agree", "orders");
  const transitions = groupedBy(stores.transitions, ({ orderId }) => orderId);
  const events = groupedBy(stores.events.get("order") ?? [], ({ key }) => key);
  const shown = byKey(answers.orders, ({ id }) => id);
  for (const order of stores.orders) {
    check.look();
    const { id } = order;
    const steps = transitions.get(id) ?? [];
    check.expect(
      steps.every(({ sequence }, index) => sequence === BigInt(index + 1)),
      () => `order ${id}: its transitions are not numbered without gaps`,
    );
    const path = steps.map(({ fromState, toState }) => `${fromState}>${toState}`);
    check.expect(
      path.every((step) => STEPS.has(step)) &&
        steps.every(({ fromState }, index) => fromState === (steps[index - 1]?.toState ?? 0n)),
      () => `order ${id}: its steps ${path.join(" ")} are illegal`,
    );
    check.expect(
      steps.at(-1)?.toState === order.state,
      () => `order ${id} is ${OrderState[Number(order.state)]}, its last transition says ${path.at(-1)}`,
    );
    const told = (events.get(id) ?? []).map(({ type }) => type);
    const lived = steps.map(({ toState }) => EVENT_OF[Number(toState)]);
    check.expect(
      told.join() === lived.join(),
      () => `order ${id}: its events ${told.join(", ")} are not its steps ${lived.join(", ")}`,
    );
    check.expect(
      shown.get(id)?.state === Number(order.state),
      () => `order ${id}: the API shows ${OrderState[shown.get(id)?.state ?? 0]}, the database another state`,
    );
  }
  const placedEvents = (stores.events.get("order") ?? []).filter(({ type }) => type === OrderPlacedSchema.typeName);
  for (const { payload, key } of placedEvents) {
    const { order } = fromBinary(OrderPlacedSchema, payload);
    check.expect(order?.id === key && shown.has(key), () => `order ${key} was published, and does not exist`);
  }
  return check.done();
};
