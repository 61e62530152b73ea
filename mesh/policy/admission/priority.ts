/** How early a call is shed; the contract's `priority`. */
export type Priority = "low" | "normal" | "high" | "critical";

const ORDER: readonly Priority[] = ["low", "normal", "high", "critical"];

/** The higher of two. */
export const higherPriority = (a: Priority, b: Priority): Priority => (ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b);

/** The priority that a text names; undefined where it names none. */
export const parsePriority = (text: string): Priority | undefined => ORDER.find((priority) => priority === text);
