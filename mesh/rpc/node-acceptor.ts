import { createServer, type ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { Logger } from "../observe/index.ts";
import type { Timer, Timers } from "../runtime/index.ts";
import type { Session, SessionHandler } from "../wire/index.ts";
import type { RpcLimits } from "./limits.ts";
import { nodeServerStream } from "./node-stream.ts";
import type { HttpHandler } from "./server.ts";

/** Serves HTTP/2 by `node:http2`: the reference beside Heddle's own engine (`HEDDLE_WIRE=node`). */
export const nodeHttp2Acceptor = ({
  handle,
  timers,
  limits,
  log,
  track,
  sessionHandler,
}: {
  handle: HttpHandler;
  timers: Timers;
  limits: RpcLimits;
  log: Logger;
  track: (session: Session) => Session;
  sessionHandler: (session: () => Session) => SessionHandler;
}): ((connection: Duplex) => void) => {
  const server = createServer({
    settings: { maxConcurrentStreams: limits.streamsPerConnectionMax, maxHeaderListSize: limits.headerListBytesMax },
    maxSessionMemory: limits.sessionMegabytesMax,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
  });
  const handlers = new WeakMap<ServerHttp2Session, SessionHandler>();
  const streams = new WeakMap<ServerHttp2Session, OpenStreams>();
  server.on("session", (nodeSession) => {
    const open = new OpenStreams(timers, limits.idleTimeoutMs, () => nodeSession.close());
    const session = asSession(nodeSession, open);
    const handler = sessionHandler(() => session);
    handlers.set(nodeSession, handler);
    streams.set(nodeSession, open);
    nodeSession.once("close", () => {
      open.stop();
      handler.onClose?.(undefined);
    });
    track(session);
  });
  server.on("sessionError", (error) => log.debug({ err: error }, "HTTP/2 connection failed"));
  server.on("request", (request, response) => {
    const nodeSession = request.stream.session as ServerHttp2Session | undefined;
    const { stream, headers, end } = nodeServerStream(request, response);
    const open = nodeSession === undefined ? undefined : streams.get(nodeSession);
    open?.add();
    response.once("close", () => {
      open?.remove();
      if (nodeSession !== undefined) handlers.get(nodeSession)?.onStreamClosed?.();
    });
    try {
      handle(stream, headers, end);
    } catch (error) {
      log.error({ err: error }, "call not answered");
      request.stream.destroy();
    }
  });
  return (connection) => void server.emit("connection", connection);
};

/** Counts the exchanges that are open on a session, and tells when there were none for long. */
class OpenStreams {
  count = 0;
  readonly #timers: Timers;
  readonly #idleTimeoutMs: number;
  readonly #onIdle: () => void;
  #idle: Timer | undefined;
  #stopped = false;

  constructor(timers: Timers, idleTimeoutMs: number, onIdle: () => void) {
    this.#timers = timers;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#onIdle = onIdle;
    this.#wait();
  }

  add(): void {
    this.count++;
    this.#idle?.cancel();
  }

  remove(): void {
    this.count--;
    if (this.count === 0 && !this.#stopped) this.#wait();
  }

  /** The session is over, though some of its streams may hear of it later. */
  stop(): void {
    this.#stopped = true;
    this.#idle?.cancel();
  }

  #wait(): void {
    this.#idle = this.#timers.after(this.#idleTimeoutMs, this.#onIdle);
  }
}

const asSession = (node: ServerHttp2Session, open: OpenStreams): Session => ({
  peer: `${node.socket.remoteAddress}:${node.socket.remotePort}`,
  get openStreams() {
    return open.count;
  },
  get draining() {
    return node.closed;
  },
  get closed() {
    return node.destroyed;
  },
  freeStreams: 0,
  request() {
    throw new RangeError("a server opens no stream");
  },
  ping(onPong) {
    node.ping((error, roundTripMs) => {
      if (error === null) onPong(roundTripMs);
    });
  },
  drain() {
    if (node.destroyed) return;
    node.goaway();
    node.close();
  },
  destroy(code) {
    // The GOAWAY of `drain` may still be on its way; the socket is cut by who has it.
    if (code !== undefined) node.destroy(undefined, code);
  },
});
