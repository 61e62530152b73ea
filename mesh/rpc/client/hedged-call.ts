import type { Timer, Timers } from "../../runtime/index.ts";
import type { AttemptValues } from "./attempt-values.ts";
import { abortError } from "./call-errors.ts";
import type { PolicedMethod, Progress } from "./policed-method.ts";

/** How a call is sent one time, and what ends it. */
export interface HedgedRequest<T> extends Pick<Progress, "startMs" | "timeoutMs"> {
  readonly policed: PolicedMethod;
  readonly timers: Timers;
  readonly signal: AbortSignal | undefined;
  /** `before`: times that the call was sent. */
  send(attempt: AttemptValues, before: number): Promise<T>;
}

/**
 * Sends a call that is slow, or has failed in passing, again: the first good answer counts, an error that no copy can mend does as
 * well, and the other attempts are given up. Rejects as the last attempt has.
 */
export const callHedged = <T>(request: HedgedRequest<T>, first: AttemptValues): Promise<T> =>
  new Promise((resolve, reject) => new HedgedCall(request, resolve, reject).send(first));

class HedgedCall<T> {
  readonly #request: HedgedRequest<T>;
  readonly #resolve: (response: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #running: AttemptValues[] = [];
  #attempts = 0;
  /** Until the next attempt: a copy, or one that makes up for a failed one. */
  #timer: Timer | undefined;
  /** An attempt has failed for good in passing: no more are sent. */
  #isExhausted = false;
  #isOver = false;

  constructor(request: HedgedRequest<T>, resolve: (response: T) => void, reject: (error: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  send(attempt: AttemptValues): void {
    const { policed, timers } = this.#request;
    this.#running.push(attempt);
    this.#attempts += 1;
    const { delayMs = 0, attemptsMax = 0 } = policed.hedge ?? {};
    this.#timer = this.#attempts < attemptsMax ? timers.after(delayMs, () => this.#copy(attempt)) : undefined;
    this.#request.send(attempt, this.#attempts - 1).then(
      (response) => this.#succeed(response, attempt),
      (error: unknown) => this.#fail(error, attempt),
    );
  }

  #copy(last: AttemptValues): void {
    this.#timer = undefined;
    if (this.#request.policed.takeCopy(this.#attempts)) this.send(last.next());
  }

  #succeed(response: T, attempt: AttemptValues): void {
    if (this.#isOver) return;
    this.#end(attempt);
    this.#resolve(response);
  }

  #fail(error: unknown, attempt: AttemptValues): void {
    if (this.#isOver) return;
    const { policed, startMs, timeoutMs, timers, signal } = this.#request;
    this.#running.splice(this.#running.indexOf(attempt), 1);
    const attempts = this.#isExhausted ? Number.POSITIVE_INFINITY : this.#attempts;
    const decision = policed.judge(error, attempt, { mayRepeat: true, attempts, startMs, timeoutMs });
    if (decision.again) {
      this.#timer?.cancel();
      timers.sleep(decision.afterMs, signal).then(
        () => this.#repeat(attempt),
        (reason: unknown) => this.#giveUp(abortError(reason)),
      );
      return;
    }
    this.#isExhausted = true;
    this.#timer?.cancel();
    // One that is still out may do better, unless this error is what any would meet with.
    if (!decision.isExhausted || this.#running.length === 0) this.#giveUp(error);
  }

  #repeat(failed: AttemptValues): void {
    if (!this.#isOver && !this.#isExhausted) this.send(failed.next());
  }

  #giveUp(error: unknown): void {
    if (this.#isOver) return;
    this.#end(undefined);
    this.#reject(error);
  }

  #end(decided: AttemptValues | undefined): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const attempt of this.#running) if (attempt !== decided) attempt.running?.abandon();
  }
}
