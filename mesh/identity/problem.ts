/** What is wrong with a credential. */
export type Problem =
  | { readonly problem: "invalid"; readonly why: string }
  | { readonly problem: "expired" }
  /** Nothing can be said of it yet: the keys are not there. */
  | { readonly problem: "unknown" };

export const isProblem = <T extends object>(value: T | Problem): value is Problem => "problem" in value;
