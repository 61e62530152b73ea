import type { Colors } from "./terminal.ts";

/** Levels as pino names them, from chatty to grave. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of a service's log. */
export interface LogLine {
  /** As it stands in the file. */
  readonly text: string;
  readonly service: string;
  readonly level: LogLevel;
  /** RFC 3339, or empty for a line that is not structured, such as a stack that Node printed. */
  readonly time: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Reads a line of JSON; anything else becomes an `error` line without a time, because only a crash prints such. */
export const parseLogLine = (text: string, service: string): LogLine => {
  const fields = parseObject(text);
  if (fields === undefined) return { text, service, level: "error", time: "", fields: { msg: text } };
  return {
    text,
    service: typeof fields.service === "string" ? fields.service : service,
    level: levelOf(fields.level),
    time: typeof fields.time === "string" ? fields.time : "",
    fields,
  };
};

/** True when a line is at least as grave as `level`. */
export const atLeast = (line: LogLine, level: LogLevel): boolean =>
  LOG_LEVELS.indexOf(line.level) >= LOG_LEVELS.indexOf(level);

/** A line for a person: `12:03:04.123 WARN  customer  slow call  method=GetCustomer duration_ms=812`. */
export const formatLogLine = (line: LogLine, colors: Colors): string => {
  const { msg, err, level, time, service, pid, hostname, ...rest } = line.fields;
  const parts = [
    colors.dim(line.time.slice(11, 23).padEnd(12)),
    PAINT[line.level](colors, line.level.toUpperCase().padEnd(5)),
    colors.bold(line.service.padEnd(14)),
    String(msg ?? ""),
  ];
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  if (details.length > 0) parts.push(colors.dim(details.join(" ")));
  const stack = (err as { stack?: unknown } | undefined)?.stack;
  return parts.join(" ").trimEnd() + (typeof stack === "string" ? `\n${stack.replaceAll(/^/gm, "    ")}` : "");
};

const PAINT: Record<LogLevel, (colors: Colors, text: string) => string> = {
  trace: (colors, text) => colors.dim(text),
  debug: (colors, text) => colors.dim(text),
  info: (colors, text) => colors.green(text),
  warn: (colors, text) => colors.yellow(text),
  error: (colors, text) => colors.red(text),
  fatal: (colors, text) => colors.inverse(colors.red(text)),
};

const parseObject = (text: string): Record<string, unknown> | undefined => {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
};

const levelOf = (level: unknown): LogLevel => LOG_LEVELS.find((known) => known === level) ?? "info";
