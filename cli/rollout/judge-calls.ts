/** Calls that have ended while they were watched. */
export interface WatchedCalls {
  readonly calls: number;
  readonly failures: number;
}

/**
 * Failed calls of the new processes before they are judged: fewer may be chance. Not calls: the balancer soon spares its callers a
 * process that fails, so that of a bad one only a few calls are ever seen.
 */
const JUDGED_FAILURES_MIN = 3;

/** The share of failed calls that a new version may have. */
const FAILURE_SHARE_MAX = 0.05;

/** How much more often than the old version a new one may fail: what both do is not the version's fault. */
const TIMES_OLD_MAX = 2;

/**
 * Says in words why a new version is not fit for its callers, by the calls that ended in the same time in its processes and in those of
 * the old version; undefined while nothing speaks against it.
 */
export const judgeCalls = (fresh: WatchedCalls, old: WatchedCalls): string | undefined => {
  if (fresh.failures < JUDGED_FAILURES_MIN) return undefined;
  const share = fresh.failures / fresh.calls;
  const oldShare = old.calls === 0 ? 0 : old.failures / old.calls;
  if (share <= FAILURE_SHARE_MAX || share <= TIMES_OLD_MAX * oldShare) return undefined;
  return `${fresh.failures} of its ${fresh.calls} calls failed, of the old version's ${old.failures} of ${old.calls}`;
};
