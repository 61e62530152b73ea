import type { Order } from "@heddle/contracts/order/v1";
import { type ActionContext, defineSaga, Refusal, type SagaDefinition, type StepContext } from "@heddle/mesh/saga";
import { changeOrder } from "../change-order.ts";
import { type Check, checks, rejection, rejectionReason } from "../checks.ts";
import { confirmedOrder, rejectedOrder } from "../order.ts";
import type { Hold } from "../payment.ts";
import type { SagaDeps } from "./deps.ts";

/** What the steps of a placement hand on. Its key is the order's id. */
export type Placement = {
  readonly customerId: string;
  readonly currencyCode: string;
  /** Written in decimal: JSON has no whole numbers of 64 bits. */
  readonly minorUnits: string;
  readonly authorizationId?: string;
};

/** What a placement begins with. */
export const placementOf = ({ customerId, total }: Order): Placement => ({
  customerId,
  currencyCode: total?.currencyCode ?? "",
  minorUnits: String(total?.minorUnits ?? 0n),
});

/** Milliseconds after which an order is rejected that nobody has confirmed: no customer waits longer. */
const PLACEMENT_MS_MAX = 10 * 60_000;
/** Attempts at a check, over about 3 seconds: longer than a supervised restart takes. */
const CHECK_ATTEMPTS_MAX = 6;
/** Milliseconds that one check may take. The owners' contracts cap these calls at the same. */
const CHECK_MS = 2_000;

/**
 * Places an order: customer, number and score are checked, billing holds the total, the order is confirmed. A refusal rejects it, and
 * gives up what may be held.
 */
export const placeOrderSaga = (deps: SagaDeps): SagaDefinition<Placement> => {
  const { orders, payment, owners } = deps;
  const { customer, number, score } = checks(owners);
  const checkStep = (name: string, check: Check) => ({
    name,
    attemptsMax: CHECK_ATTEMPTS_MAX,
    timeoutMs: CHECK_MS,
    action: (context: ActionContext<Placement>) => check(holdOf(context), context),
  });
  return defineSaga<Placement>({
    name: "place-order",
    version: 1,
    timeoutMs: PLACEMENT_MS_MAX,
    steps: [
      checkStep("check-customer", customer),
      checkStep("check-number", number),
      checkStep("check-score", score),
      {
        name: "authorize-payment",
        async action(context) {
          const authorized = await payment.authorize(holdOf(context), context);
          return authorized instanceof Refusal ? authorized : { authorizationId: authorized };
        },
        compensation: {
          name: "void-payment",
          run: (context) => payment.giveUp(holdOf(context), context),
        },
      },
      {
        name: "confirm-order",
        async commit(tx, { key, state }) {
          // Deleted after the check: its orders that are confirmed are cancelled by the event, and this one is confirmed no more.
          if (await orders.isDeletedCustomer(tx, state.customerId)) return rejection("CUSTOMER_NOT_ACTIVE");
          const { authorizationId = "" } = state;
          await changeOrder(deps, tx, key, (order, now) => confirmedOrder(order, authorizationId, now));
          return undefined;
        },
      },
    ],
    undone: (tx, { key, failure }) => {
      const reason = rejectionReason(failure.kind === "refused" ? failure.reason : "");
      return changeOrder(deps, tx, key, (order, now) => rejectedOrder(order, reason, now));
    },
  });
};

const holdOf = ({ key, state }: StepContext<Placement>): Hold => ({
  orderId: key,
  customerId: state.customerId,
  currencyCode: state.currencyCode,
  minorUnits: BigInt(state.minorUnits),
});
