export { DRAIN_PERIOD_MS, SAMPLE_BYTES_MAX } from "./limits.ts";
export { type FieldRef, scanFields } from "./scan-fields.ts";
export { createUsageReporter, type UsageReporter } from "./usage-reporter.ts";
export { type Counted, createUsageTally, UsageCounter, type UsageTally } from "./usage-tally.ts";
