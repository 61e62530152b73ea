/** One call of the load, as it went for who made it. */
export interface LoggedCall {
  /** `read`: without side effects, and may be made again. `create`: neither, and without a request id. */
  readonly kind: "read" | "create";
  /** Milliseconds since 1970, of the machine's clock. */
  readonly beginMs: number;
  readonly endMs: number;
  /** `OK` or the name of the status. */
  readonly code: string;
  readonly message: string;
}

/** Milliseconds that a call of each kind is given. */
export const DEADLINE_MS = { read: 2_000, create: 5_000 } as const;
/** Milliseconds past its deadline in which the end of a call must have come: on a machine that is busy. */
const LATE_MS_MAX = 1_000;

export const failures = (calls: readonly LoggedCall[], kind: LoggedCall["kind"]): LoggedCall[] =>
  calls.filter((call) => call.kind === kind && call.code !== "OK");

/** The calls in a few lines, such as `12 × read Unavailable: …`. `sinceMs`: when they began is told as the time since then. */
export const inShort = (calls: readonly LoggedCall[], sinceMs?: number): string[] =>
  [...Map.groupBy(calls, ({ kind, code, message }) => `${kind} ${code}: ${message}`)].map(([text, group]) => {
    const begun = group.map(({ beginMs }) => Math.round(beginMs - (sinceMs ?? 0))).join(", ");
    return `${group.length} × ${text}${sinceMs === undefined ? "" : `, begun ${begun} ms after the trouble`}`;
  });

/** Calls that went on when their time was over. */
export const hung = (calls: readonly LoggedCall[]): LoggedCall[] =>
  calls.filter(({ kind, beginMs, endMs }) => endMs - beginMs > DEADLINE_MS[kind] + LATE_MS_MAX);

/** Those that failed although they were not under way from `fromMs` to `toMs`. */
export const failedBeside = (
  calls: readonly LoggedCall[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): LoggedCall[] => calls.filter(({ code, beginMs, endMs }) => code !== "OK" && (endMs < fromMs || beginMs > toMs));
