export { createLog, LOG_LEVELS, type Logger, type LogLevel, type LogOptions } from "./log.ts";
export { continueTrace, TRACEPARENT, traceIdOf } from "./traceparent.ts";
