import { createContextKey } from "@connectrpc/connect";

/** One of the several times that a call is sent, told to whoever chooses where it goes. */
export interface Attempt {
  /** Addresses that the call was sent to before: it goes elsewhere where it can. Whoever chooses adds its choice. */
  readonly tried: string[];
  /** Set by the transport when the response's headers have come: the call is committed to this attempt (gRFC A6). */
  isAnswered?: boolean;
  /** Set by the transport while the attempt runs: by it the attempt is given up. */
  running?: { abandon(): void } | undefined;
  /** The version of the service that the call is for, without a `v` before it, where an instance of it is there. */
  readonly version?: string | undefined;
}

/** Where a transport finds the attempt that it is asked for, among the context values of the call. */
export const attemptKey = createContextKey<Attempt | undefined>(undefined, {
  description: "which of several attempts this is",
});
