/**
 * Syncs of one descriptor, one at a time: whoever asks while one is under way shares the next, which covers what was written before
 * they asked. Two at a time could not be trusted: Linux reports a failed write to the first that returns, and to no other.
 */
export const sharedSync = (sync: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    const begun = sync().finally(() => {
      if (running === begun) running = undefined;
    });
    running = begun;
    return begun;
  };
  return () => {
    if (running === undefined) return begin();
    // After one that failed none is begun.
    next ??= running.then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
};
