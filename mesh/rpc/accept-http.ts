import type { Duplex } from "node:stream";
import type { Timers } from "../runtime/index.ts";

/** How every HTTP/2 connection begins (RFC 9113, 3.4), up to where no HTTP/1.1 request line can follow. */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0");

export interface HttpAcceptors {
  readonly http1: (connection: Duplex) => void;
  readonly http2: (connection: Duplex) => void;
}

/**
 * Decides by a connection's first bytes whether it speaks HTTP/1.1 or HTTP/2 with prior knowledge, so that both share a
 * plaintext port, and hands it on with these bytes unread. A connection that shows neither within `timeoutMs` milliseconds is
 * closed.
 */
export const acceptHttp = (
  connection: Duplex,
  { http1, http2 }: HttpAcceptors,
  { timers, timeoutMs }: { timers: Timers; timeoutMs: number },
): void => {
  let seen: Buffer | undefined;
  const timer = timers.after(timeoutMs, () => connection.destroy());
  const forget = () => {
    timer.cancel();
    connection.off("readable", look);
    connection.off("close", forget);
    connection.off("error", ignore);
  };
  const look = () => {
    const chunk: Buffer | null = connection.read();
    if (chunk === null) return;
    seen = seen === undefined ? chunk : Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, HTTP2_PREFACE.length);
    const isHttp2 = seen.compare(HTTP2_PREFACE, 0, compared, 0, compared) === 0;
    if (isHttp2 && compared < HTTP2_PREFACE.length) return;
    forget();
    connection.unshift(seen);
    (isHttp2 ? http2 : http1)(connection);
  };
  connection.on("readable", look);
  connection.on("close", forget);
  connection.on("error", ignore);
};

/** A peer that resets before it spoke has nothing to be told. */
const ignore = (): void => undefined;
