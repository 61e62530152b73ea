import {
  NEVER_AGAIN,
  PREVIOUS_ATTEMPTS,
  PUSHBACK,
  type RetryBudget,
  readPreviousAttempts,
  readPushback,
} from "@heddle/mesh/policy";
import { formatGrpcTimeout, parseGrpcTimeout } from "@heddle/mesh/rpc";
import type { Clock } from "@heddle/mesh/runtime";
import { ErrorCode, type HeaderList, type ResetCause } from "@heddle/mesh/wire";

/** What the first of the calls with these headers has shown of how often they may be sent. */
export interface Repeatable {
  /** What the service may be sent again; undefined where a call may take effect only once. */
  readonly budget: RetryBudget | undefined;
  /** Times that the caller has sent the call before. */
  readonly previousAttempts: number;
}

/**
 * Whether a relayed call that an instance has failed in passing goes to another, and what that one is sent. Nothing of an answer has
 * reached the caller by then. There is no wait: the other instance has not failed it.
 */
export class SecondTry {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #budget: RetryBudget | undefined;
  readonly #startMs: number;
  #repeats = 0;
  #isRefused = false;

  constructor(clock: Pick<Clock, "monotonicMs">, { budget, previousAttempts }: Repeatable) {
    this.#clock = clock;
    this.#budget = budget;
    this.#startMs = budget === undefined ? 0 : clock.monotonicMs();
    if (previousAttempts > 0) budget?.repeated(this.#startMs);
    else budget?.called(this.#startMs);
  }

  /** An answer that is an error alone: the instance is not available, and says not when the caller is to come back. */
  passes(answer: HeaderList): boolean {
    if (this.#budget === undefined || answer.get("grpc-status") !== UNAVAILABLE) return false;
    return readPushback(answer.get(PUSHBACK)) === undefined;
  }

  /** The instance or its connection is gone. One that cancels has its reasons, such as the deadline. */
  passesReset(code: number, cause: ResetCause): boolean {
    return (
      this.#budget !== undefined && (cause !== "peer" || (code !== ErrorCode.CANCEL && code !== ErrorCode.NO_ERROR))
    );
  }

  /**
   * The fields, name and value in turn, that another instance is sent instead of `extra`: with the time that is left, and how often the
   * call was sent. Undefined when it was sent often enough.
   */
  take(extra: readonly string[], mayGoAgain: boolean): readonly string[] | undefined {
    const nowMs = this.#clock.monotonicMs();
    const fields = mayGoAgain ? fieldsAgain(extra, nowMs - this.#startMs, this.#repeats + 1) : undefined;
    if (fields === undefined || this.#budget?.take(nowMs) !== true) {
      this.#isRefused = true;
      return undefined;
    }
    this.#repeats += 1;
    return fields;
  }

  /** Fields for an error that the caller gets: where the call was tried often enough, nobody above is to begin anew. */
  fieldsOf(error: { get(name: string): string | null | undefined }): readonly string[] {
    return (this.#repeats > 0 || this.#isRefused) && (error.get(PUSHBACK) ?? undefined) === undefined ? NEVER : NOTHING;
  }
}

/** gRPC's code, as `grpc-status` has it. */
const UNAVAILABLE = "14";
const NEVER: readonly string[] = [PUSHBACK, NEVER_AGAIN];
const NOTHING: readonly string[] = [];

const fieldsAgain = (extra: readonly string[], elapsedMs: number, repeats: number): readonly string[] | undefined => {
  const fields: string[] = [];
  let before = 0;
  for (let index = 0; index < extra.length; index += 2) {
    const name = extra[index] as string;
    const value = extra[index + 1] as string;
    if (name === PREVIOUS_ATTEMPTS) {
      before = readPreviousAttempts(value);
    } else if (name === "grpc-timeout") {
      const leftMs = (parseGrpcTimeout(value) ?? 0) - elapsedMs;
      if (leftMs < 1) return undefined;
      fields.push(name, formatGrpcTimeout(leftMs));
    } else {
      fields.push(name, value);
    }
  }
  fields.push(PREVIOUS_ATTEMPTS, String(before + repeats));
  return fields;
};
