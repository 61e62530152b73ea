import { createServer as createHttp1Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer, Timers } from "../runtime/index.ts";
import {
  DEFAULT_WIRE_LIMITS,
  type Session,
  type SessionHandler,
  serveSession,
  type WireLimits,
} from "../wire/index.ts";
import type { HttpAcceptors } from "./accept-http.ts";
import type { RpcLimits } from "./limits.ts";
import { nodeHttp2Acceptor } from "./node-acceptor.ts";
import { nodeServerStream } from "./node-stream.ts";
import type { HttpHandler } from "./server.ts";
import { cutSlowReaders } from "./slow-readers.ts";
import type { WireChoice } from "./wire-choice.ts";

/** The open connections of a server, and the exchanges on them. */
export interface Connections extends HttpAcceptors {
  /** Takes a connection in; false when there are too many, and then it is closed. */
  add(connection: Duplex): boolean;
  /** Counts a session of another kind in. */
  track(session: Session): Session;
  /** What a session of this server calls. */
  sessionHandler(session: () => Session): SessionHandler;
  /** Tells every peer that no further stream is taken, and closes the connections that carry nothing. */
  goAway(): void;
  /**
   * Resolves to 0 when no exchange is open any more and every peer has taken leave, or after `timeoutMs` milliseconds to the number
   * of exchanges that are open.
   */
  settled(timeoutMs: number): Promise<number>;
  /** Cuts every connection, once what was written last has left, or after `graceMs` milliseconds. Resolves when it is done. */
  destroy(graceMs: number): Promise<void>;
}

export const trackConnections = (deps: {
  handle: HttpHandler;
  runtime: Runtime;
  log: Logger;
  limits: RpcLimits;
  wire: WireChoice;
  wireLimits: Partial<WireLimits>;
}): Connections => {
  const { handle, runtime, log, limits } = deps;
  const sockets = new Set<Duplex>();
  const sessions = new Set<Session>();
  let leaving = false;
  /** Until peers have had the time to answer the GOAWAY. */
  let patient = deps.wire === "heddle";
  let goodbye: Timer | undefined;
  /** Those who wait for the end. */
  const waiting = new Set<() => void>();

  const openExchanges = (): number => {
    let open = http1.answering.size;
    for (const session of sessions) open += session.openStreams;
    return open;
  };
  /** True when nothing is open, and every peer has heard of the end: what crossed it on its way was served. */
  const isSettled = (): boolean => {
    if (openExchanges() > 0) return false;
    if (patient) for (const session of sessions) if (!session.closed) return false;
    return true;
  };
  const closedOne = () => {
    if (waiting.size > 0 && isSettled()) for (const wake of waiting) wake();
  };
  const track = (session: Session): Session => {
    sessions.add(session);
    if (leaving) session.drain();
    return session;
  };
  const sessionHandler = (session: () => Session): SessionHandler => ({
    onStream: handle,
    onStreamClosed: closedOne,
    onHandlerError: (error) => log.error({ err: error }, "call not answered"),
    onClose(reason) {
      sessions.delete(session());
      if (reason !== undefined) log.debug({ err: reason, peer: session().peer }, "HTTP/2 connection failed");
      closedOne();
    },
  });
  const http1 = http1Acceptor({
    handle,
    limits,
    runtime,
    wireLimits: deps.wireLimits,
    closedOne,
    leaving: () => leaving,
  });
  const { timers } = runtime;
  const nodeHttp2 =
    deps.wire === "node" ? nodeHttp2Acceptor({ handle, timers, limits, log, track, sessionHandler }) : undefined;

  return {
    http1: http1.accept,
    http2:
      nodeHttp2 ??
      ((connection) => {
        const session: Session = serveSession(
          connection,
          sessionHandler(() => session),
          { ...runtime, limits: deps.wireLimits },
        );
        track(session);
      }),
    add(connection) {
      if (sockets.size >= limits.connectionsMax) {
        connection.destroy();
        return false;
      }
      sockets.add(connection);
      connection.once("close", () => sockets.delete(connection));
      return true;
    },
    track,
    sessionHandler,
    goAway() {
      leaving = true;
      for (const session of sessions) session.drain();
      http1.goAway();
      goodbye ??= runtime.timers.after(GOODBYE_MS, () => {
        patient = false;
        closedOne();
      });
    },
    async settled(timeoutMs) {
      if (!isSettled()) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        const timer = runtime.timers.after(timeoutMs, resolve);
        await promise;
        timer.cancel();
        waiting.delete(resolve);
      }
      return openExchanges();
    },
    async destroy(graceMs) {
      goodbye?.cancel();
      for (const session of sessions) session.destroy();
      http1.close();
      // Two turns: a GOAWAY leaves at the end of the first, and a reset before that would keep it from its peer.
      await turn(runtime.timers);
      await turn(runtime.timers);
      const unsent = [...sockets].filter(({ writableLength }) => writableLength > 0);
      if (graceMs > 0 && unsent.length > 0) {
        const gone = unsent.map(
          (socket) => new Promise((resolve) => socket.once("finish", resolve).once("close", resolve)),
        );
        await Promise.race([Promise.all(gone), runtime.timers.sleep(graceMs)]);
      }
      for (const connection of sockets) connection.destroy();
    },
  };
};

/**
 * Milliseconds that peers have to answer the PINGs of a drain: some round trips, and the pauses of a busy process. A connection that is
 * cut before may carry calls that its peer sent in good faith.
 */
const GOODBYE_MS = 2_000;

const turn = (timers: Timers): Promise<void> => new Promise((resolve) => timers.afterTurn(resolve));

/** HTTP/1.1 by `node:http`, whose connections are given to it one by one. */
const http1Acceptor = ({
  handle,
  limits,
  runtime,
  wireLimits,
  closedOne,
  leaving,
}: {
  handle: HttpHandler;
  limits: RpcLimits;
  runtime: Pick<Runtime, "clock" | "timers">;
  wireLimits: Partial<WireLimits>;
  closedOne: () => void;
  leaving: () => boolean;
}) => {
  const server = createHttp1Server({
    maxHeaderSize: limits.headerListBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.requestTimeoutMs,
  });
  // node:http starts to watch for slow requests when its server listens; ours never does.
  server.emit("listening");
  const watchReader = cutSlowReaders(runtime, { ...DEFAULT_WIRE_LIMITS, ...wireLimits });
  // Between requests a connection can be closed without loss; during one it is told by a header.
  const answering = new Set<ServerResponse>();
  const sayLast = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader("connection", "close");
  };
  server.on("request", (request, response) => {
    if (leaving()) sayLast(response);
    answering.add(response);
    response.once("close", () => {
      answering.delete(response);
      closedOne();
    });
    // Whoever stands before may have gone by the other one (RFC 9112, 3.2); Node takes the first and says nothing.
    if ((request.headersDistinct.host?.length ?? 0) > 1) {
      response.writeHead(400, { connection: "close" }).end();
      return;
    }
    const { stream, headers, end } = nodeServerStream(request, response);
    try {
      handle(stream, headers, end);
    } catch (error) {
      response.destroy(error instanceof Error ? error : undefined);
    }
  });
  return {
    answering,
    accept(connection: Duplex) {
      server.emit("connection", connection);
      watchReader(connection);
      // node:http reads a TLS socket past its own pause, and then takes the next request for an error; with a listener beside its own
      // it does not.
      if ("encrypted" in connection) connection.on("data", () => undefined);
    },
    goAway() {
      for (const response of answering) sayLast(response);
      server.closeIdleConnections();
    },
    close: () => void server.close(),
  };
};
