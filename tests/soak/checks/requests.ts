import { type Check, checking, type Evidence } from "./check.ts";

/** Refusals that the requests of a run can meet, by method. Every other one breaks a promise of a contract. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  "order.v1.OrderService/FulfilOrder": ["ORDER_TRANSITION_ILLEGAL", "AUTHORIZATION_NOT_CAPTURABLE"],
  "order.v1.OrderService/CancelOrder": ["ORDER_TRANSITION_ILLEGAL"],
  // The customer was deleted meanwhile, and its number with it; that it was undeleted has not come through yet.
  "socialsecurity.v1.SocialSecurityService/RegisterNumber": ["CUSTOMER_DELETED"],
  "socialsecurity.v1.SocialSecurityService/VerifyNumber": ["RECORD_ERASED"],
};

/** Codes by which a service says that it is at fault itself: a kill or a stop is no reason for them. */
const AT_FAULT: ReadonlySet<string> = new Set(["Internal", "Unknown", "DataLoss"]);

/** A request id that was answered is answered the same for ever. */
export const sameAnswers = ({ ledger }: Evidence): Check => {
  const check = checking("the same request id gets the same answer, always", "repeated answers");
  for (const { id, request, answers, refusals } of ledger.calls) {
    if (typeof request.requestId !== "string") continue;
    const [first, ...others] = answers.map((answer) => JSON.stringify(answer));
    for (const other of others) {
      check.look();
      check.expect(other === first, () => `${id}: was answered ${first}, then ${other}`);
    }
    check.expect(
      first === undefined || refusals.length === 0,
      () => `${id}: was answered, and refused with ${refusals[0]?.reason}`,
    );
  }
  return check.done();
};

/** Whoever gets no answer gets one of the errors that the contracts allow for it. */
export const errorsAreTheContracts = ({ ledger }: Evidence): Check => {
  const check = checking("errors are those that the contracts promise", "errors");
  for (const { id, method, refusals, unanswered } of ledger.calls) {
    for (const { code, reason, message } of refusals) {
      check.look();
      check.expect(
        REFUSALS[method]?.includes(reason) === true,
        () => `${id}: ${method} was refused with ${code} ${reason}: ${message}`,
      );
    }
    for (const code of unanswered) {
      check.look();
      check.expect(!AT_FAULT.has(code), () => `${id}: ${method} failed with ${code}`);
    }
  }
  return check.done();
};

/** Every request that was repeated long enough got an answer, and the mesh was whole again by then. */
export const everythingAnswered = ({ ledger }: Evidence): Check => {
  const check = checking("every request that its client did not abandon was answered in the end", "requests");
  for (const { id, method, answers, refusals, abandoned } of ledger.calls) {
    check.look();
    check.expect(answers.length > 0 || refusals.length > 0 || abandoned, () => `${id}: ${method} was never answered`);
  }
  return check.done();
};
