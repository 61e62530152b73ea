import { CustomerService } from "@heddle/contracts/customer/v1";
import { SagaState, SagaStepState } from "@heddle/contracts/heddle/saga/v1";
import { OrderState } from "@heddle/contracts/order/v1";
import { type Check, checking, type Evidence } from "./check.ts";

/** No order and no saga is left in the middle of something. */
export const nothingHangs = ({ stores, answers }: Evidence, restless: readonly string[]): Check => {
  const check = checking("no saga hangs: every order is decided, every saga has ended", "orders and sagas");
  for (const left of restless) check.expect(false, () => `still moving when the wait was over: ${left}`);
  for (const { id, state } of stores.orders) {
    check.look();
    check.expect(Number(state) !== OrderState.PENDING, () => `order ${id} is pending`);
  }
  for (const { id, name, key, state, steps } of answers.sagas) {
    check.look();
    const ended = state === SagaState.COMPLETED || state === SagaState.COMPENSATED;
    check.expect(ended, () => `saga ${id} (${name} of ${key}) is ${SagaState[state]}`);
    const hanging = steps.filter((step) => UNFINISHED.has(step.state));
    check.expect(
      !ended || hanging.length === 0,
      () => `saga ${id} (${name} of ${key}) is ${SagaState[state]}, its step ${hanging[0]?.name} is not`,
    );
  }
  return check.done();
};

const UNFINISHED: ReadonlySet<SagaStepState> = new Set([
  SagaStepState.RUNNING,
  SagaStepState.COMPENSATING,
  SagaStepState.PARKED,
]);

/** A deleted customer has no open order and no number any more. Only what a customer did not take back is looked at. */
export const deletionsFlow = ({ ledger, stores }: Evidence): Check => {
  const check = checking("a deleted customer has no open order and no number", "customers");
  const restored = new Set(ledger.to(CustomerService.method.undeleteCustomer).map(({ request }) => request.customerId));
  for (const { id, deleted } of stores.customers) {
    if (deleted !== 1n || restored.has(id)) continue;
    check.look();
    const open = stores.orders.find(
      ({ customerId, state }) => customerId === id && Number(state) === OrderState.CONFIRMED,
    );
    check.expect(open === undefined, () => `customer ${id} is deleted, its order ${open?.id} is still confirmed`);
    const number = stores.records.find(({ customerId, erased }) => customerId === id && erased === 0n);
    check.expect(number === undefined, () => `customer ${id} is deleted, its number ${number?.id} is not erased`);
  }
  return check.done();
};
