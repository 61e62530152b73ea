import { createContextKey } from "@connectrpc/connect";

/** One of the several times that a call is sent, told to whoever chooses where it goes. */
export interface Attempt {
  /** Addresses that the call was sent to before: it goes elsewhere where it can. Whoever chooses adds its choice. */
  readonly tried: string[];
  /** The version of the service that the call is for, without a `v` before it, where an instance of it is there. */
  readonly version?: string | undefined;
  /** Set by the transport when the response's headers have come: the call is committed to this attempt (gRFC A6). */
  isAnswered?: boolean;
  /** Set by the transport while a unary attempt runs. */
  running?: RunningAttempt | undefined;
  /** Told by the transport when a unary attempt has ended, however it did. */
  ended?(): void;
  /**
   * Asked when an attempt that is direct fails: true when whoever has sent it will settle it by `ends`. So an attempt that succeeds, as
   * nearly all do, costs no promise beside its own.
   */
  takesOver?(error: unknown, ends: Ends<unknown>): boolean;
}

/** How a call ends for its caller. */
export interface Ends<T> {
  readonly resolve: (response: T) => void;
  readonly reject: (error: unknown) => void;
}

/** An attempt that is under way. */
export interface RunningAttempt {
  /** Nothing stands between its caller and the wire, such as interceptors, which must see its end. */
  readonly isDirect: boolean;
  /** Gives it up. */
  abandon(): void;
  /** Lets one that is direct end by `ends` instead; returns how it would have. */
  divert(ends: Ends<unknown>): Ends<unknown>;
}

/** Where a transport finds the attempt that it is asked for, among the context values of the call. */
export const attemptKey = createContextKey<Attempt | undefined>(undefined, {
  description: "which of several attempts this is",
});
