import { type ConnectError, createContextKey } from "@connectrpc/connect";

/** What becomes of one call's answer after the method has given it. */
export interface Answer {
  /**
   * Set once the method has been called: turns what keeps its reply from being sent into the error that is sent instead;
   * undefined for an error that is meant to be sent as it is.
   */
  unsent: ((error: ConnectError) => ConnectError | undefined) | undefined;
}

/** Carries the answer from where a call enters to its method and back; undefined outside of a server. */
export const answerKey = createContextKey<Answer | undefined>(undefined, { description: "the call's answer" });
