import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Order, OrderRejectionReason, OrderSchema, OrderState } from "@heddle/contracts/order/v1";
import { describe, expect, test } from "vitest";
import {
  cancelledOrder,
  confirmedOrder,
  fulfilledOrder,
  isFinal,
  newOrder,
  rejectedOrder,
  stateAfter,
  type Verb,
} from "./order.ts";

const { PENDING, CONFIRMED, REJECTED, CANCELLED, FULFILLED } = OrderState;
const STATES = [PENDING, CONFIRMED, REJECTED, CANCELLED, FULFILLED];
const now = timestampFromMs(2_000);

const verbs: Record<Verb, (order: Order) => Order> = {
  confirm: (order) => confirmedOrder(order, "auz_1", now),
  reject: (order) => rejectedOrder(order, OrderRejectionReason.CREDIT_SCORE_TOO_LOW, now),
  fulfil: (order) => fulfilledOrder(order, now),
  cancel: (order) => cancelledOrder(order, now),
};

/** Every state and every verb: where it leads, the same state where it changes nothing, undefined where it is illegal. */
const LEADS_TO: Record<Verb, Partial<Record<OrderState, OrderState>>> = {
  confirm: { [PENDING]: CONFIRMED, [CONFIRMED]: CONFIRMED },
  reject: { [PENDING]: REJECTED, [REJECTED]: REJECTED },
  fulfil: { [CONFIRMED]: FULFILLED, [FULFILLED]: FULFILLED },
  cancel: { [CONFIRMED]: CANCELLED, [FULFILLED]: CANCELLED, [CANCELLED]: CANCELLED },
};

const cases = (Object.keys(verbs) as Verb[]).flatMap((verb) =>
  STATES.map((state) => ({ verb, state, name: OrderState[state], to: LEADS_TO[verb][state] })),
);

describe("each verb on each state", () => {
  test.each(cases)("$verb on $name leads to $to", ({ verb, state, to }) => {
    const order = create(OrderSchema, { id: "ord_1", state, authorizationId: "auz_0", updateTime: timestampFromMs(1) });
    expect(stateAfter(state, verb)).toBe(to);
    if (to === undefined) {
      expect(() => verbs[verb](order)).toThrow(`Order ord_1 is ${OrderState[state]}: ${verb} is not possible.`);
    } else if (to === state) {
      expect(verbs[verb](order)).toBe(order);
    } else {
      const moved = verbs[verb](order);
      expect(moved).toMatchObject({ state: to, updateTime: now });
      expect(moved.etag).not.toBe(order.etag);
      expect(order.state).toBe(state);
    }
  });
});

test("only rejected and cancelled orders are final: no verb changes them", () => {
  for (const state of STATES) {
    const moves = (Object.keys(verbs) as Verb[]).some((verb) => ![state, undefined].includes(stateAfter(state, verb)));
    expect(isFinal(state)).toBe(!moves);
  }
});

test("a new order is pending, with its total and nothing decided", () => {
  const line = { sku: "A", quantity: 3, unitPrice: { currencyCode: "EUR", minorUnits: 250n } };
  const request = create(OrderSchema, { customerId: "cus_1", lines: [line] });
  expect(newOrder(request, { id: "ord_1", now })).toMatchObject({
    id: "ord_1",
    customerId: "cus_1",
    state: PENDING,
    total: { currencyCode: "EUR", minorUnits: 750n },
    rejectionReason: OrderRejectionReason.UNSPECIFIED,
    authorizationId: "",
    createTime: now,
    updateTime: now,
  });
});
