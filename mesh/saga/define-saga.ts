import type { CallOptions } from "@connectrpc/connect";
import type { Tx } from "../store/store.ts";
import { STEPS_MAX } from "./limits.ts";

/** What a step knows while it runs. `S`: what the saga's steps hand on to each other, plain JSON without personal data. */
export interface StepContext<S> {
  readonly sagaId: string;
  /** What the saga is about, such as an order's id. */
  readonly key: string;
  readonly state: Readonly<S>;
}

/** What an action or a compensation gets. */
export interface ActionContext<S> extends StepContext<S> {
  /** A UUID made of saga and step: sent as `request_id`, it makes every attempt the same request to the called service. */
  readonly stepId: string;
  /** The bounds of this attempt, for the calls that it makes. */
  readonly options: CallOptions;
}

/** The answer of a business that says no: no error, and final. Steps before it are compensated. */
export class Refusal {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Returned by an action or a commit to say no, `reason` in UPPER_SNAKE. A refused action has had no effect. */
export const refuse = (reason: string): Refusal => new Refusal(reason);

/** What a step comes to: a change of the saga's state, nothing, or a refusal. */
export type Outcome<S> = Partial<S> | Refusal | undefined;

/** One step: an action elsewhere, a change of the service's own data, or first the one and then the other. */
export interface SagaStep<S> {
  /** Such as `authorize-payment`. */
  readonly name: string;
  /** Asks others. Is called again after a failure and after a crash: idempotent by `stepId`, or by what it asks. */
  action?(context: ActionContext<S>): Promise<Outcome<S>>;
  /**
   * Writes the domain's change and its events in the very transaction that records the step. A refusal must leave the data as it
   * is: it is committed with the saga's turn.
   */
  commit?(tx: Tx, context: StepContext<S>): Promise<Outcome<S>>;
  /**
   * Undoes the action. Also called for an action whose fate is unknown: it must find out what there is to undo, and make sure that
   * an attempt which is still on its way has no effect when it arrives.
   */
  readonly compensation?: { readonly name: string; run(context: ActionContext<S>): Promise<void> };
  /** Attempts after which the action is given up. Default: as many as fit into the saga's time. */
  readonly attemptsMax?: number;
  /** Milliseconds of one attempt. Default 5,000. */
  readonly timeoutMs?: number;
  /**
   * What becomes of the saga when the action is given up or fails for good. "compensate" (default): what was done is undone. "park":
   * what was done stands, the saga's time does not count, and an operator has to look (RetrySaga goes on).
   */
  readonly onFailure?: "compensate" | "park";
}

/** Why a saga is undone. */
export interface SagaFailure {
  readonly step: string;
  /** "refused": by the business; "failed": by errors; "timeout": the saga's time was over. */
  readonly kind: "refused" | "failed" | "timeout";
  /** The refusal's reason, or code and reason of the last error. */
  readonly reason: string;
}

/** A transaction that spans services, as data. */
export interface SagaDefinition<S extends object = object> {
  /** Lower-case words with dashes, such as `place-order`, at most 63 characters. */
  readonly name: string;
  /** Numbers the shape of its steps, from 1. A saga ends on the version that it began with. */
  readonly version: number;
  /** Milliseconds from its start after which it is undone unless it is completed. */
  readonly timeoutMs: number;
  readonly steps: readonly SagaStep<S>[];
  /** Writes what it means for the domain that the saga was undone, in the transaction that ends it. */
  undone?(tx: Tx, context: StepContext<S> & { readonly failure: SagaFailure }): Promise<void>;
}

/**
 * Declares a saga.
 *
 * @example
 * const placeOrder = defineSaga<{ total: string }>({
 *   name: "place-order",
 *   version: 1,
 *   timeoutMs: 600_000,
 *   steps: [{ name: "authorize-payment", action, compensation: { name: "void-payment", run } }, { name: "confirm", commit }],
 * });
 * @throws TypeError for a shape that cannot run.
 */
export const defineSaga = <S extends object>(definition: SagaDefinition<S>): SagaDefinition<S> => {
  const { name, version, timeoutMs, steps } = definition;
  const refuseShape = (problem: string): never => {
    throw new TypeError(`the saga "${name}" ${problem}`);
  };
  if (!NAME.test(name)) refuseShape("has no proper name: lower-case words with dashes, at most 63 characters");
  if (!Number.isInteger(version) || version < 1) refuseShape("has no version: 1, 2, …");
  if (!(timeoutMs > 0)) refuseShape("has no timeoutMs: say how long it may last before it is undone");
  if (steps.length < 1 || steps.length > STEPS_MAX) refuseShape(`has ${steps.length} steps: 1 to ${STEPS_MAX}`);
  for (const [index, step] of steps.entries()) {
    if (!NAME.test(step.name)) refuseShape(`has a step "${step.name}": lower-case words with dashes`);
    if (steps.findIndex((other) => other.name === step.name) !== index) refuseShape(`has two steps "${step.name}"`);
    if (step.action === undefined && step.commit === undefined)
      refuseShape(`has a step "${step.name}" that does nothing: give it an action or a commit`);
    if (step.compensation !== undefined && step.action === undefined)
      refuseShape(`has a compensation of "${step.name}", which has no action: a commit that is refused leaves nothing`);
    if (step.attemptsMax !== undefined && !(step.attemptsMax >= 1))
      refuseShape(`has a step "${step.name}" without attempts: attemptsMax is 1 or more`);
  }
  return Object.freeze(definition);
};

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*(?<=^.{1,63})$/;
