/** `enforced`: every call is let in by its contract alone. `local`: a caller from this machine needs no credentials. */
export const ACCESS_MODES = ["local", "enforced"] as const;
export type AccessMode = (typeof ACCESS_MODES)[number];
