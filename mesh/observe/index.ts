export type { CallLine } from "./call-lines.ts";
export { createLog, LOG_LEVELS, type Logger, type LogLevel, type LogOptions } from "./log.ts";
export { continueTrace, TRACEPARENT, Trace, traceIdOf } from "./traceparent.ts";
