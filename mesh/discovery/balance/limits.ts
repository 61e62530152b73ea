/** Milliseconds in which what a slow answer has taught is forgotten to a third. Finagle's and Linkerd's `decay` of a peak-EWMA. */
export const LATENCY_DECAY_MS = 10_000;
/** What an answer is taken to need while none has come from anywhere: Linkerd's `default_rtt`. */
export const LATENCY_UNKNOWN_MS = 30;
/** Answers that come sooner are all alike: what is left is chance, and calls on their way must count for something. */
export const LATENCY_MS_MIN = 0.1;
/** The weight of one answer in what is typical of all endpoints. */
export const TYPICAL_WEIGHT = 1 / 64;

/** By how much an answer that is a failure, or for want of room, makes an endpoint dearer, and how dear it may become. */
export const PENALTY_FACTOR = 2;
export const PENALTY_MAX = 64;

/** Milliseconds until a new endpoint gets its whole share. The idea is Envoy's `slow_start_config`, whose window has no default. */
export const SLOW_START_MS = 10_000;
/** The part of its share that it begins with: Envoy's `min_weight_percent`. */
export const SLOW_START_SHARE_MIN = 0.1;

/** Failures in a row for which an endpoint is ejected: Envoy's `consecutive_5xx`. */
export const FAILURES_IN_A_ROW = 5;
/** Milliseconds over which successes are compared: `interval` of Envoy and of gRFC A50. */
export const INTERVAL_MS = 10_000;
/** Milliseconds that an endpoint is ejected for, times how often it was: `base_ejection_time` of both. */
export const EJECTION_MS = 30_000;
/** Milliseconds that it is ejected for at most: `max_ejection_time` of both. */
export const EJECTION_MS_MAX = 300_000;
/** Milliseconds that the one call which tries an ejected endpoint is waited for; then another one tries it. */
export const PROBE_MS = 10_000;
/** The part of an ejection by which chance makes it longer, so that not all who eject an endpoint come back to it at once. */
export const EJECTION_JITTER = 0.1;
/** The part of all endpoints that may be ejected at once, but one of two or more always: `max_ejection_percent` of both. */
export const EJECTED_SHARE_MAX = 0.1;
/** Endpoints with enough calls below which their successes are not compared: `success_rate_minimum_hosts` of both. */
export const COMPARED_ENDPOINTS_MIN = 5;
/** Calls in an interval that are enough: `success_rate_request_volume` of both. */
export const COMPARED_CALLS_MIN = 100;
/** Standard deviations below the mean at which an endpoint is ejected: `success_rate_stdev_factor` of both, which is 1900. */
export const DEVIATIONS_MAX = 1.9;

/**
 * A call whose deadline has passed is the endpoint's fault when it had so many times as long as is typical: callers choose
 * deadlines, and a short one says nothing.
 */
export const LATE_FACTOR = 4;
/**
 * One of two endpoints is silent when it has let calls wait for so long, and for so many times as long as an answer takes, where the other
 * has answered well within that time and it has not, or has kept others waiting for so many times as short: whatever the other costs, it is
 * better. Shorter than the first, a pause of a busy process.
 */
export const SILENCE_MS_MIN = 100;
export const SILENCE_FACTOR = 4;
/** For a call that was sent before, and may wait at one of the two already, so many times as long as an answer takes will do. */
export const SILENCE_FACTOR_AGAIN = 2;
/** Milliseconds of silence that are kept at most: faded to SILENCE_MS_MIN after 30 s, when one call tries it, as one does after an ejection. */
export const SILENCE_KEPT_MS_MAX = 2_000;

/** Endpoints that one caller of many keeps to, unless it says otherwise: the upper end of what Google's SRE book, chapter 20, advises. */
export const SUBSET_SIZE = 100;
/** While so many times the part of the near endpoints that is well is 1 or more, all calls stay near: Envoy's overprovisioning factor. */
export const NEAR_OVERPROVISION = 1.4;
