import { createServer, type ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { Logger } from "../observe/index.ts";
import type { Session, SessionHandler } from "../wire/index.ts";
import type { RpcLimits } from "./limits.ts";
import { nodeServerStream } from "./node-stream.ts";
import type { HttpHandler } from "./server.ts";

/** Serves HTTP/2 by `node:http2`: the reference beside Heddle's own engine (`HEDDLE_WIRE=node`). */
export const nodeHttp2Acceptor = ({
  handle,
  limits,
  log,
  track,
  sessionHandler,
}: {
  handle: HttpHandler;
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
  server.on("session", (nodeSession) => {
    const session = asSession(nodeSession);
    const handler = sessionHandler(() => session);
    handlers.set(nodeSession, handler);
    // Node knows of each frame, and we do not: the one wait that is not taken from mesh/runtime.
    nodeSession.setTimeout(limits.idleTimeoutMs, () => nodeSession.close());
    nodeSession.once("close", () => handler.onClose?.(undefined));
    track(session);
  });
  server.on("sessionError", (error) => log.debug({ err: error }, "HTTP/2 connection failed"));
  server.on("request", (request, response) => {
    const nodeSession = request.stream.session as ServerHttp2Session | undefined;
    const { stream, headers, end } = nodeServerStream(request, response);
    const count = nodeSession === undefined ? undefined : streams.get(nodeSession);
    if (count !== undefined) count.open++;
    response.once("close", () => {
      if (count !== undefined) count.open--;
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

/** Exchanges that are open on each session. */
const streams = new WeakMap<ServerHttp2Session, { open: number }>();

const asSession = (node: ServerHttp2Session): Session => {
  const count = { open: 0 };
  streams.set(node, count);
  return {
    peer: `${node.socket.remoteAddress}:${node.socket.remotePort}`,
    get openStreams() {
      return count.open;
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
  };
};
