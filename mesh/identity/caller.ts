/** Who makes a call, as far as it has proven that. */
export interface Caller {
  /** `local` is whoever calls from this machine without credentials, in the mode that allows it. */
  readonly kind: "anonymous" | "local" | "user" | "service";
  /** A user's id or a service's name; else the kind. */
  readonly id: string;
  /** What a user's token says; empty for others. */
  readonly roles: readonly string[];
  /** The service that makes the call: itself, or the one that makes it for a user; undefined where none has shown its identity. */
  readonly service: string | undefined;
  /** Milliseconds since the epoch until which all of this holds; Infinity where nothing expires. */
  readonly expiresMs: number;
}

/** Whoever has proven nothing. */
export const ANONYMOUS: Caller = Object.freeze({
  kind: "anonymous",
  id: "anonymous",
  roles: [],
  service: undefined,
  expiresMs: Number.POSITIVE_INFINITY,
});

/** Who can open a socket on this machine's loopback, in development: holds every role, and may act as any service. */
export const LOCAL: Caller = Object.freeze({ ...ANONYMOUS, kind: "local", id: "local" });
