import type { ConnectError } from "@connectrpc/connect";
import { fail } from "@heddle/mesh/contract";
import { INSTANCE_UNREACHABLE, SERVICE_UNAVAILABLE, UPSTREAM_BUSY } from "../errors.ts";

/** Milliseconds after which a caller may find a service back that has no instance: a supervisor restarts faster. */
export const SERVICE_RETRY_DELAY_MS = 500;
/** Milliseconds after which a caller may try again where one instance was out of reach or busy. */
const INSTANCE_RETRY_DELAY_MS = 200;

/** Nobody takes calls of a service now, and it may come back. */
export const unavailable = (service: string, why = "none has registered"): ConnectError =>
  fail(SERVICE_UNAVAILABLE, { service, why }, { retryDelayMs: SERVICE_RETRY_DELAY_MS });

/** The instance that a call went to could not be reached, or was lost on the way. */
export const unreachable = (service: string, cause?: unknown): ConnectError =>
  fail(INSTANCE_UNREACHABLE, { service }, { cause, retryDelayMs: INSTANCE_RETRY_DELAY_MS });

/** `calls`: as many as an instance may have on their way at once. */
export const busy = (service: string, calls: number): ConnectError =>
  fail(UPSTREAM_BUSY, { service, calls }, { retryDelayMs: INSTANCE_RETRY_DELAY_MS });
