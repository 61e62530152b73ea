import { type ContextKey, type ContextValues, createContextValues } from "@connectrpc/connect";
import { type Attempt, attemptKey } from "./attempt.ts";

/** An attempt as the context values by which a transport is told of it, beside those of the caller: one object for each. */
export class AttemptValues implements Attempt, ContextValues {
  readonly version: string | undefined;
  isAnswered = false;
  running: Attempt["running"] = undefined;
  #callers: ContextValues | undefined;
  #tried: string[] | undefined;

  constructor(callers: ContextValues | undefined, tried?: string[]) {
    this.#callers = callers;
    this.#tried = tried;
    this.version = callers?.get(attemptKey)?.version;
  }

  get tried(): string[] {
    this.#tried ??= [];
    return this.#tried;
  }

  /** The attempt after this one. */
  next(): AttemptValues {
    return new AttemptValues(this.#callers, this.tried);
  }

  get<T>(key: ContextKey<T>): T {
    if (key.id === attemptKey.id) return this as unknown as T;
    return this.#callers === undefined ? key.defaultValue : this.#callers.get(key);
  }

  set<T>(key: ContextKey<T>, value: T): this {
    this.#callers ??= createContextValues();
    this.#callers.set(key, value);
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    this.#callers?.delete(key);
    return this;
  }
}
