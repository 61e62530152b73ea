/** How far a payment has come. Only these steps exist: authorized → captured, voided or expired; captured → refunded. */
export type AuthorizationState = "authorized" | "captured" | "voided" | "refunded" | "expired";

/** What can be done to an authorization; `expire` is done by the clock. */
export type AuthorizationVerb = "capture" | "void" | "refund" | "expire";

/**
 * What comes of a verb. "moves": the authorization changes. "repeats": it happened before, or is pointless; succeeds and
 * changes nothing. "refused": fails.
 */
export type Outcome = "moves" | "repeats" | "refused";

/** What comes of a verb in a state, amounts aside. */
export const outcomeOf = (state: AuthorizationState, verb: AuthorizationVerb): Outcome => OUTCOMES[state][verb];

const OUTCOMES: Readonly<Record<AuthorizationState, Readonly<Record<AuthorizationVerb, Outcome>>>> = {
  authorized: { capture: "moves", void: "moves", refund: "refused", expire: "moves" },
  captured: { capture: "repeats", void: "refused", refund: "moves", expire: "repeats" },
  voided: { capture: "refused", void: "repeats", refund: "refused", expire: "repeats" },
  refunded: { capture: "refused", void: "refused", refund: "refused", expire: "repeats" },
  expired: { capture: "refused", void: "repeats", refund: "refused", expire: "repeats" },
};
