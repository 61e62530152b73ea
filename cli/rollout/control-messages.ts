/** What a command asks of the supervisor of its data folder. */
export type ControlRequest =
  | {
      readonly type: "scale";
      /** Processes by service. */
      readonly counts: Readonly<Record<string, number>>;
      readonly timeoutMs: number;
    }
  | { readonly type: "restart"; readonly service: string; readonly timeoutMs: number }
  | DeployRequest;

/** Asks for another release of a service. */
export interface DeployRequest {
  readonly type: "deploy";
  readonly service: string;
  /** The release to run; null for the sources of the working tree. */
  readonly release: string | null;
  /** The release that the caller has checked this one against; with another in force the request is refused. */
  readonly expected: string | null;
  readonly kind: "deploy" | "undo";
  /** Milliseconds that a process gets to be ready. */
  readonly timeoutMs: number;
  /** Milliseconds that the first new process is watched beside the old ones. */
  readonly watchMs: number;
}

/** One thing that was done on the way. */
export interface Step {
  readonly step:
    | "starting"
    | "ready"
    | "watching"
    | "watched"
    | "draining"
    | "stopped"
    | "unfit"
    | "rolling-back"
    | "kept";
  readonly service: string;
  /** Such as `customer#2`; absent where it is about the service. */
  readonly process?: string | undefined;
  readonly pid?: number | undefined;
  readonly version?: string | undefined;
  /** Milliseconds that it took. */
  readonly tookMs?: number | undefined;
  /** More, in words. */
  readonly note?: string | undefined;
}

/** How a request ended. */
export type ControlResult =
  | { readonly type: "done"; readonly outcome: "done" | "rolled-back"; readonly reason?: string | undefined }
  | { readonly type: "failed"; readonly message: string; readonly next?: string | undefined };

/** A line of the answer. */
export type ControlReply = { readonly type: "step"; readonly step: Step } | ControlResult;

/** Bytes of a request at most: one line, which names a few services. */
export const REQUEST_BYTES_MAX = 64 * 1024;

/** Processes of one service at most: more than a machine has use for, so that a slip of the finger does not take it down. */
export const REPLICAS_MAX = 32;

/** Milliseconds that a request may let something take at most. */
const WAIT_MS_MAX = 24 * 3_600_000;

/** The request of a line; undefined when it is none. */
export const parseControlRequest = (line: string): ControlRequest | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const request = value as ControlRequest;
  if (!isWait(request.timeoutMs)) return undefined;
  if (request.type === "scale") return isCounts(request.counts) ? request : undefined;
  if (typeof request.service !== "string") return undefined;
  if (request.type === "restart") return request;
  const { type, release, expected, kind, watchMs } = request;
  const known = type === "deploy" && (kind === "deploy" || kind === "undo");
  return known && isRelease(release) && isRelease(expected) && isWait(watchMs) ? request : undefined;
};

const isWait = (ms: unknown): boolean => typeof ms === "number" && ms >= 0 && ms <= WAIT_MS_MAX;

const isRelease = (release: unknown): boolean => release === null || isReleaseName(release);

/** `<version>+<hash>`: a folder's name that leads nowhere else. */
export const isReleaseName = (release: unknown): release is string =>
  typeof release === "string" && /^\d[0-9A-Za-z.-]{0,62}\+[0-9a-f]{12}$/.test(release) && !release.includes("..");

const isCounts = (counts: unknown): boolean =>
  typeof counts === "object" &&
  counts !== null &&
  Object.values(counts).every((count) => Number.isInteger(count) && count >= 0 && count <= REPLICAS_MAX);
