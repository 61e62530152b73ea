import type { DescMethod } from "@bufbuild/protobuf";
import {
  CONSUMERS_PER_METHOD_MAX,
  REASONS_MAX,
  SAMPLE_BYTES_MAX,
  SAMPLE_EVERY,
  SAMPLES_MAX,
  SAMPLES_WHOLE,
} from "./limits.ts";
import { type FieldRef, scanFields } from "./scan-fields.ts";

/** What one consumer did with one method between two drains. */
export interface Counted<C> {
  readonly method: DescMethod;
  readonly consumer: C;
  readonly calls: number;
  /** Refused calls by their reason. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Requests that were looked at. */
  readonly samples: number;
  /** How many of these set each field. */
  readonly fields: ReadonlyMap<FieldRef, number>;
}

/** Counts calls in memory, until somebody takes the counts away. */
export interface UsageTally<C> {
  /** What counts the calls of a consumer to a method. To be kept by whoever counts often: it goes on counting for ever. */
  counterOf(method: DescMethod, consumer: C): UsageCounter<C>;
  /** What was counted since the last drain, and is counted no more. */
  drain(): Counted<C>[];
  /** Begins anew to tell consumers apart, once a day, so that those who went make room. */
  forget(): void;
}

export interface TallyOptions<C> {
  /** As what consumers count when a method has too many. */
  readonly other: C;
  /** Whether a consumer is told apart however many there are. */
  readonly isExempt?: (consumer: C) => boolean;
}

export const createUsageTally = <C>({ other, isExempt = () => false }: TallyOptions<C>): UsageTally<C> => {
  let counters = new WeakMap<DescMethod, Map<C, UsageCounter<C>>>();
  const shared: Shared<C> = { touched: [], samplesLeft: SAMPLES_MAX };
  return {
    counterOf(method, consumer) {
      let ofMethod = counters.get(method);
      if (ofMethod === undefined) {
        ofMethod = new Map();
        counters.set(method, ofMethod);
      }
      const known = ofMethod.get(consumer);
      if (known !== undefined) return known;
      const isOneTooMany = ofMethod.size >= CONSUMERS_PER_METHOD_MAX && consumer !== other && !isExempt(consumer);
      if (isOneTooMany) return this.counterOf(method, other);
      const counter = new UsageCounter(method, consumer, shared);
      ofMethod.set(consumer, counter);
      return counter;
    },
    drain() {
      const { touched } = shared;
      shared.touched = [];
      shared.samplesLeft = SAMPLES_MAX;
      return touched.map((counter) => counter.take());
    },
    forget() {
      counters = new WeakMap();
    },
  };
};

/** What the counters of a tally have in common. */
interface Shared<C> {
  /** Those that have counted something since the last drain. */
  touched: UsageCounter<C>[];
  samplesLeft: number;
}

/** Counts the calls of one consumer to one method. */
export class UsageCounter<C> {
  readonly #method: DescMethod;
  readonly #consumer: C;
  readonly #shared: Shared<C>;
  #isTouched = false;
  #calls = 0;
  #samples = 0;
  #refusals = new Map<string, number>();
  #fields = new Map<FieldRef, number>();

  constructor(method: DescMethod, consumer: C, shared: Shared<C>) {
    this.#method = method;
    this.#consumer = consumer;
    this.#shared = shared;
  }

  /** Counts a call. */
  count(): void {
    if (!this.#isTouched) this.#touch();
    this.#calls++;
  }

  /** Counts a call that was refused; `reason` as in its google.rpc.ErrorInfo. */
  refuse(reason: string): void {
    if (!this.#isTouched) this.#touch();
    const key = this.#refusals.size < REASONS_MAX || this.#refusals.has(reason) ? reason : "OTHER";
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
  }

  /** Whether the request of the call that was counted last should be looked at. */
  get isDue(): boolean {
    return (this.#calls <= SAMPLES_WHOLE || this.#calls % SAMPLE_EVERY === 0) && this.#shared.samplesLeft > 0;
  }

  /** Looks at the fields that a request sets. What is too long, or no message, does not count as looked at. */
  look(request: Uint8Array): void {
    if (request.length > SAMPLE_BYTES_MAX || this.#shared.samplesLeft <= 0) return;
    this.#shared.samplesLeft--;
    const set = scanFields(this.#method.input, request);
    if (set === undefined) return;
    if (!this.#isTouched) this.#touch();
    this.#samples++;
    for (const field of set) this.#fields.set(field, (this.#fields.get(field) ?? 0) + 1);
  }

  /** What was counted since the last time; counts from zero again. */
  take(): Counted<C> {
    const taken: Counted<C> = {
      method: this.#method,
      consumer: this.#consumer,
      calls: this.#calls,
      refusals: this.#refusals,
      samples: this.#samples,
      fields: this.#fields,
    };
    this.#isTouched = false;
    this.#calls = 0;
    this.#samples = 0;
    if (this.#refusals.size > 0) this.#refusals = new Map();
    if (this.#fields.size > 0) this.#fields = new Map();
    return taken;
  }

  #touch(): void {
    this.#isTouched = true;
    this.#shared.touched.push(this);
  }
}
