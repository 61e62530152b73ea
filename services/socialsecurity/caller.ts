/**
 * Who makes the current call, for the log: `anonymous`. Callers prove no identity to the mesh yet, and a name that is only
 * claimed must not stand in a log that is kept as evidence.
 */
export const currentCaller = (): string => "anonymous";
