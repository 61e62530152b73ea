import { Code, type ConnectError } from "@connectrpc/connect";
import { fail, reasons } from "../contract/fail.ts";

/**
 * Bytes of requests that have begun and are not whole, over all callers of a process: each may be as large as a message, and whoever
 * may call a public method can begin a thousand.
 */
export const HELD_BYTES_MAX = 256 * 1024 * 1024;
/** Milliseconds after which a caller may find that there is room again: most requests are whole by then. */
const RETRY_DELAY_MS = 1_000;

let heldBytes = 0;

/** Bytes of requests that are held and not whole. */
export const bytesHeld = (): number => heldBytes;

/** What is held of one request until it is whole. */
export class HeldRequest {
  #bytes = 0;

  /** Holds more of it, or returns the error that refuses the request: RESOURCE_EXHAUSTED. */
  add(bytes: number): ConnectError | undefined {
    if (heldBytes + bytes > HELD_BYTES_MAX) return fail(REQUESTS_HELD, {}, { retryDelayMs: RETRY_DELAY_MS });
    this.#bytes += bytes;
    heldBytes += bytes;
    return undefined;
  }

  /** It is whole, or nobody waits for the rest. */
  letGo(): void {
    heldBytes -= this.#bytes;
    this.#bytes = 0;
  }
}

const REQUESTS_HELD = reasons("heddle.mesh")(
  "REQUESTS_HELD",
  Code.ResourceExhausted,
  "Too much of requests that are not whole is held here already; try again.",
);
