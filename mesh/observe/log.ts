import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import type { Clock } from "../runtime/index.ts";

/** Structured log, one JSON object per line. */
export interface Logger extends Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "fatal" | "level"> {
  /** Writes out what is still buffered, before the process ends. */
  flush(): void;
}

/** Levels, from chatty to silent. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly service: string;
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Where lines go; stdout by default. */
  readonly destination?: DestinationStream;
}

/** Names that carry a secret wherever they appear: a last net under the redaction that contracts ask for. */
const SECRET_PATHS = [
  "authorization",
  "password",
  "token",
  "secret",
  "*.authorization",
  "*.password",
  "*.token",
  "*.secret",
];

/** A log for one service. Lines carry `time` (RFC 3339), `level`, `service` and `msg`. */
export const createLog = ({ service, level, clock, destination }: LogOptions): Logger => {
  const stdout = destination ?? pino.destination({ fd: 1, sync: false });
  const log = pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${timestampDate(clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
    },
    stdout,
  );
  return Object.assign(log, { flush: () => flushSync(stdout) });
};

const flushSync = (destination: DestinationStream): void => {
  try {
    if ("flushSync" in destination && typeof destination.flushSync === "function") destination.flushSync();
  } catch {
    // The descriptor is not open yet, or gone: nothing was buffered that could still be written.
  }
};
