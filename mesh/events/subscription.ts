import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Tx } from "../store/index.ts";

/** One event of another service, as a subscriber gets it. */
export interface ReceivedEvent<E extends DescMessage = DescMessage> {
  /** The service that published it, such as `billing`. */
  readonly source: string;
  /** Its place in that service's feed, from 1. */
  readonly sequence: bigint;
  /** Events of a source with an equal key are applied in order. */
  readonly key: string;
  /** When its transaction was made, by its owner's clock. */
  readonly createTime: Timestamp;
  readonly message: MessageShape<E>;
}

/** What a subscriber does with events of one type. */
export interface EventHandler {
  readonly event: DescMessage;
  /** Runs before the transaction, for many keys at a time; may call other services. What it resolves to goes to `apply`. */
  readonly prepare: ((event: ReceivedEvent) => Promise<unknown>) | undefined;
  /** Applies the event in the transaction that moves the cursor, so that it takes effect once. Awaits nothing but `tx`. */
  readonly apply: (tx: Tx, event: ReceivedEvent, prepared: unknown) => Promise<void>;
}

/** Declares what is done with events of one type, in the transaction that moves the cursor. */
export const on = <E extends DescMessage>(
  event: E,
  apply: (tx: Tx, event: ReceivedEvent<E>) => Promise<void>,
): EventHandler => ({ event, prepare: undefined, apply: apply as EventHandler["apply"] });

/** The same where something must be asked of others first; may be asked again, for an event that was not applied in the end. */
export const onPrepared = <E extends DescMessage, P>(
  event: E,
  prepare: (event: ReceivedEvent<E>) => Promise<P>,
  apply: (tx: Tx, event: ReceivedEvent<E>, prepared: P) => Promise<void>,
): EventHandler => ({
  event,
  prepare: prepare as EventHandler["prepare"],
  apply: apply as EventHandler["apply"],
});

/** What a service does with another's events. Each is applied once; one that keeps failing becomes a dead letter. */
export interface Subscription {
  /** The name of the service that publishes, such as `billing`. */
  readonly from: string;
  /** One per type of event. */
  readonly handlers: readonly EventHandler[];
  /**
   * Types that an earlier release handled and this one does not. Without it their events are kept as dead letters, because a release
   * that lacks a handler is most often the older one of two.
   */
  readonly ignored?: readonly string[];
}

/**
 * Tables that are nothing but a fold of others' events, and can be dropped and built again while the old ones still answer. Each
 * row belongs to a generation; readers ask for the one in force (`viewGeneration`).
 */
export interface View {
  /** Names it in commands, such as `overview`. */
  readonly name: string;
  readonly sources: readonly { readonly from: string; readonly events: readonly DescMessage[] }[];
  /** Applies events of one source, in order, to the rows of one generation, in the transaction that moves the cursor. */
  readonly apply: (tx: Tx, generation: number, events: readonly ReceivedEvent[]) => Promise<void>;
  /** Deletes at most `rowsMax` rows of a generation that is no longer read; resolves to their number, 0 when none is left. */
  readonly drop: (tx: Tx, generation: number, rowsMax: number) => Promise<number>;
}
