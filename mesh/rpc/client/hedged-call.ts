import type { Timer } from "../../runtime/index.ts";
import type { Ends } from "./attempt.ts";
import type { AttemptValues } from "./attempt-values.ts";
import { abortError } from "./call-errors.ts";
import type { OftenCall } from "./often-call.ts";

/**
 * A call that is slow and was sent again: the first good answer counts, an error that no copy can mend does as well, and the other
 * attempts are given up. Ends as the last attempt has where all have failed.
 */
export class HedgedCall<T> {
  readonly #call: OftenCall<T>;
  readonly #ends: Ends<T>;
  readonly #running: AttemptValues[] = [];
  #attempts = 0;
  /** Until the next copy. */
  #timer: Timer | undefined;
  /** An attempt has failed for good in passing: no more are sent. */
  #isExhausted = false;
  #isOver = false;

  constructor(call: OftenCall<T>, ends: Ends<T>) {
    this.#call = call;
    this.#ends = ends;
  }

  /** The first attempt was sent. */
  adopt(first: AttemptValues): void {
    this.#begin(first);
  }

  /** The first attempt is slow, and a copy is out of the budget. */
  join(first: AttemptValues): void {
    this.#running.push(first);
    this.#attempts += 1;
    this.#send(first.next());
  }

  succeed(response: T, attempt: AttemptValues): void {
    if (this.#isOver) return;
    this.#end(attempt);
    this.#ends.resolve(response);
  }

  fail(error: unknown, attempt: AttemptValues): void {
    if (this.#isOver) return;
    this.#running.splice(this.#running.indexOf(attempt), 1);
    const { timers, signal, policed } = this.#call.sending;
    const decision = this.#call.judge(error, attempt, this.#isExhausted ? Number.POSITIVE_INFINITY : this.#attempts);
    this.#timer?.cancel();
    if (decision.again) {
      timers.sleep(decision.afterMs, signal).then(
        () => {
          // Two that have failed together would both be followed by another.
          const isLeft = this.#attempts < policed.attemptsMax;
          if (isLeft && !this.#isOver && !this.#isExhausted) this.#send(attempt.next());
        },
        (reason: unknown) => this.#giveUp(abortError(reason)),
      );
      return;
    }
    this.#isExhausted = true;
    // One that is still out may do better, unless this error is what any would meet with.
    if (!decision.isExhausted || this.#running.length === 0) this.#giveUp(error);
  }

  #send(attempt: AttemptValues): void {
    this.#begin(attempt);
    this.#call.send(attempt, this.#attempts - 1).then(
      (response) => this.succeed(response, attempt),
      (error: unknown) => this.fail(error, attempt),
    );
  }

  #begin(attempt: AttemptValues): void {
    const { policed, timers } = this.#call.sending;
    this.#running.push(attempt);
    this.#attempts += 1;
    const { delayMs = 0, attemptsMax = 0 } = policed.hedge ?? {};
    if (this.#attempts >= attemptsMax) return;
    this.#timer = timers.after(delayMs, () => {
      if (policed.takeCopy(this.#attempts)) this.#send(attempt.next());
    });
  }

  #giveUp(error: unknown): void {
    if (this.#isOver) return;
    this.#end(undefined);
    this.#ends.reject(error);
  }

  #end(decided: AttemptValues | undefined): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const attempt of this.#running) if (attempt !== decided) attempt.running?.abandon();
  }
}
