import type { Server as Http1Server, ServerResponse } from "node:http";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { RpcLimits } from "./limits.ts";

/** The open connections of a server. */
export interface Connections {
  /** Takes a connection in; false when there are too many, and then it is closed. */
  add(connection: Duplex): boolean;
  /** Tells every peer that no further stream is taken, and closes the connections that carry nothing. */
  goAway(): void;
  /** Cuts every connection, once what was written last has left. Resolves when it is done. */
  destroy(): Promise<void>;
}

/** Keeps track of connections, because Node's servers neither send GOAWAY to idle peers nor know what we accepted for them. */
export const trackConnections = (
  http2: Http2Server,
  { http1, limits }: { http1: Http1Server; limits: RpcLimits },
): Connections => {
  const open = new Set<Duplex>();
  const sessions = new Set<ServerHttp2Session>();
  let leaving = false;
  http2.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // Node knows of each frame, and we do not: the one wait that is not taken from mesh/runtime, until the engine is our own.
    session.setTimeout(limits.idleTimeoutMs, () => session.close());
    if (leaving) sayGoodbye(session);
  });
  // Between requests an HTTP/1.1 connection can be closed without loss; during one it is told by a header.
  const answering = new Set<ServerResponse>();
  const sayLast = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader("connection", "close");
  };
  http1.prependListener("request", (_request, response) => {
    if (leaving) sayLast(response);
    answering.add(response);
    response.once("close", () => answering.delete(response));
  });
  return {
    add(connection) {
      if (open.size >= limits.connectionsMax) {
        connection.destroy();
        return false;
      }
      open.add(connection);
      connection.once("close", () => open.delete(connection));
      return true;
    },
    goAway() {
      leaving = true;
      for (const session of sessions) sayGoodbye(session);
      for (const response of answering) sayLast(response);
      http1.closeIdleConnections();
    },
    destroy() {
      // Two turns of the event loop: a GOAWAY leaves in the first, and a reset before that would keep it from its peer.
      return new Promise((resolve) => {
        setImmediate(() =>
          setImmediate(() => {
            for (const connection of open) connection.destroy();
            resolve();
          }),
        );
      });
    },
  };
};

const sayGoodbye = (session: ServerHttp2Session): void => {
  if (session.destroyed) return;
  session.goaway();
  session.close();
};
