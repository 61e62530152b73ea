import { type DestinationStream, type Logger as PinoLogger, pino, type SerializedError } from "pino";
import type { Clock, Timers } from "../runtime/index.ts";
import { type CallLine, CallLines } from "./call-lines.ts";
import { type Output, standardOutput } from "./standard-output.ts";

/** Structured log, one JSON object per line. */
export interface Logger extends Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "fatal" | "level"> {
  /** Writes the line of a call that went well and ends now, at `info`. Nothing in it comes from outside, so nobody looks for secrets in it. */
  call(call: CallLine): void;
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
  /** Lets the lines of calls wait for one another; without it each is written at once. */
  readonly timers?: Pick<Timers, "after" | "afterTurn">;
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
export const createLog = ({ service, level, clock, destination, timers }: LogOptions): Logger => {
  const output =
    destination === undefined
      ? standardOutput((dropped) => log.error({ dropped }, "lines were dropped: there was no room for them"))
      : textOutput(destination);
  const time = timestamps(clock);
  const log = pino(
    {
      level,
      base: { service },
      timestamp: () => `,"time":"${time()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
      serializers: { err: tellError },
    },
    {
      write(line) {
        // In the order in which they were told.
        calls.flush();
        output.write(line);
      },
    },
  );
  const calls = new CallLines({ service, clock, write: output.writeBytes, timers });
  const flush = () => {
    // What waits goes first, lest there be enough for a write beside the event loop, which may never end.
    output.flush();
    calls.flush();
    output.flush();
  };
  if (destination === undefined) flushAtExit(flush);
  const isTold = log.isLevelEnabled("info");
  return Object.assign(log, {
    call(call: CallLine): void {
      if (isTold) calls.add(call);
    },
    flush,
  });
};

/**
 * An error as a line tells it: type, message, stack and its own fields, but for what a ConnectError carries to its caller. Details
 * are messages of any content, personal data among it, and headers may hold a secret.
 */
const tellError = (error: Error): SerializedError => {
  const told = pino.stdSerializers.err(error);
  // What is no error comes back as it is.
  if (!Object.is(told, error)) dropPayload(told);
  return told;
};

const dropPayload = (told: SerializedError): void => {
  delete told.details;
  delete told.metadata;
  // They stand under the one name as they are, and under the other as this makes them.
  if (told.aggregateErrors !== undefined) delete told.errors;
  // The errors within it were made like it.
  const kind: unknown = Object.getPrototypeOf(told);
  for (const inner of Object.values(told).flat())
    if (typeof inner === "object" && inner !== null && Object.getPrototypeOf(inner) === kind) dropPayload(inner);
};

const atExit = new Set<() => void>();

/** However the process ends, short of a kill, what was told is written. */
const flushAtExit = (flush: () => void): void => {
  if (atExit.size === 0) process.on("exit", () => atExit.forEach((each) => void each()));
  atExit.add(flush);
};

const textOutput = (destination: DestinationStream): Output => ({
  write: (text) => destination.write(text),
  writeBytes: (bytes) => destination.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8")),
  // It is told each line at once.
  flush: () => undefined,
});

/** The time of day as text, made once per millisecond. */
const timestamps = (clock: Clock): (() => string) => {
  let lastMs = Number.NaN;
  let text = "";
  return () => {
    const nowMs = clock.nowMs();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      text = new Date(nowMs).toISOString();
    }
    return text;
  };
};
