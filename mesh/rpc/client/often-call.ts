import type { ContextValues } from "@connectrpc/connect";
import { PREVIOUS_ATTEMPTS, type RetryDecision } from "../../policy/retry.ts";
import type { Clock, Timers } from "../../runtime/index.ts";
import { type Call, currentCall, resumeCall } from "../call.ts";
import type { Ends } from "./attempt.ts";
import { AttemptValues } from "./attempt-values.ts";
import { abortError } from "./call-errors.ts";
import { HedgedCall } from "./hedged-call.ts";
import type { PolicedMethod } from "./policed-method.ts";
import type { HeaderInit } from "./request-fields.ts";
import type { Watched } from "./slow-calls.ts";

/** How a call is sent, one time or several. */
export interface Sending<T> {
  readonly policed: PolicedMethod;
  readonly clock: Clock;
  readonly timers: Timers;
  /** `Clock.monotonicMs`; undefined where it has no timeout of its own. */
  readonly startMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds that the caller gives it; none where that is undefined, or 0 or less. */
  readonly timeoutMs: number | undefined;
  readonly header: HeaderInit;
  /** Sends it one time. */
  once(timeoutMs: number | undefined, header: HeaderInit, values: ContextValues): Promise<T>;
}

/** Sends a call as often as it is worth it: rejects as its last attempt has. */
export const callOften = <T>(sending: Sending<T>, values: ContextValues | undefined): Promise<T> => {
  const call = new OftenCall(sending, values);
  const { policed, timeoutMs, header } = sending;
  const sent = sending.once(timeoutMs, header, call);
  if (call.running?.isDirect) {
    call.detach();
    return sent;
  }
  if (policed.hedge === undefined) return sent.catch((error: unknown) => call.fail(error));
  return new Promise((resolve, reject) => {
    const hedged = new HedgedCall(call, { resolve, reject });
    hedged.adopt(call);
    sent.then(
      (response) => hedged.succeed(response, call),
      (error: unknown) => hedged.fail(error, call),
    );
  });
};

/** A call that may be sent several times, and the first of its attempts: one object, for nearly all need no more. */
export class OftenCall<T> extends AttemptValues implements Watched {
  before: Watched | undefined = undefined;
  after: Watched | undefined = undefined;
  dueLook = 0;
  readonly sending: Sending<T>;
  /** The call that it is made for: copies are as well, whoever sends them. */
  #outer: Call | undefined;
  #isHedged = false;

  constructor(sending: Sending<T>, values: ContextValues | undefined) {
    super(values);
    this.sending = sending;
  }

  /** Sends it one more time; `before`: how often it was. */
  send(attempt: AttemptValues, before: number): Promise<T> {
    const { timeoutMs, startMs, clock, header, once } = this.sending;
    const isBounded = startMs !== undefined && timeoutMs !== undefined;
    const leftMs = isBounded ? Math.max(1, startMs + timeoutMs - clock.monotonicMs()) : timeoutMs;
    return once(leftMs, withPrevious(header, before), attempt);
  }

  judge(error: unknown, attempt: AttemptValues, attempts: number): RetryDecision {
    const { policed, startMs, timeoutMs } = this.sending;
    return policed.judge(error, attempt, { mayRepeat: true, attempts, startMs, timeoutMs });
  }

  /** The first attempt has failed: the response of a further one, or its error. */
  async fail(error: unknown): Promise<T> {
    const decision = this.judge(error, this, 1);
    if (!decision.again) throw error;
    return this.#repeat(decision.afterMs);
  }

  takesOver(error: unknown, ends: Ends<unknown>): boolean {
    // Told by a connection, which belongs to no call.
    return !this.#isHedged && resumeCall(this.#outer, () => this.#repeatInstead(error, ends));
  }

  /** Nobody awaits it here: what happens further comes from connections and timers, and belongs to the call that it is made for. */
  detach(): void {
    this.#outer = currentCall();
    this.sending.policed.slowCalls?.watch(this);
  }

  ended(): void {
    this.sending.policed.slowCalls?.forget(this);
  }

  /** It is to be sent a second time. */
  slow(): void {
    const { running, sending } = this;
    if (running === undefined || !sending.policed.takeCopy(1)) return;
    this.#isHedged = true;
    let hedged: HedgedCall<T>;
    const ends = running.divert({
      resolve: (response) => hedged.succeed(response as T, this),
      reject: (error) => resumeCall(this.#outer, () => hedged.fail(error, this)),
    });
    hedged = new HedgedCall(this, ends as Ends<T>);
    resumeCall(this.#outer, () => hedged.join(this));
  }

  #repeatInstead(error: unknown, { resolve, reject }: Ends<unknown>): boolean {
    const decision = this.judge(error, this, 1);
    if (!decision.again) return false;
    this.#repeat(decision.afterMs).then(resolve, reject);
    return true;
  }

  async #repeat(firstMs: number): Promise<T> {
    const { timers, signal } = this.sending;
    let afterMs = firstMs;
    let attempt = this.next();
    for (let attempts = 2; ; attempts++) {
      await timers.sleep(afterMs, signal).catch((reason: unknown) => Promise.reject(abortError(reason)));
      try {
        return await this.send(attempt, attempts - 1);
      } catch (error) {
        const decision = this.judge(error, attempt, attempts);
        if (!decision.again) throw error;
        afterMs = decision.afterMs;
        attempt = attempt.next();
      }
    }
  }
}

const withPrevious = (header: HeaderInit, before: number): Headers => {
  const headers = new Headers(header);
  headers.set(PREVIOUS_ATTEMPTS, String(before));
  return headers;
};
