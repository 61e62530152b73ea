/**
 * Names the program that calls and its version, as `order/1.2.0`. The gateway counts by it who still uses what; it proves nothing and
 * opens nothing.
 */
export const CONSUMER_HEADER = "heddle-consumer";
