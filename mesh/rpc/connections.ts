import type { Server as Http1Server } from "node:http";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { RpcLimits } from "./limits.ts";

/** The open connections of a server. */
export interface Connections {
  /** Takes a connection in; false when there are too many, and then it is closed. */
  add(connection: Duplex): boolean;
  /** Tells every peer that no further stream is taken, and closes the connections that carry nothing. */
  goAway(): void;
  /** Cuts every connection. */
  destroy(): void;
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
    session.setTimeout(limits.idleTimeoutMs, () => session.close());
    if (leaving) sayGoodbye(session);
  });
  // Between requests an HTTP/1.1 connection can be closed without loss; during one it is told by a header.
  http1.prependListener("request", (_request, response) => {
    if (leaving) response.setHeader("connection", "close");
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
      http1.closeIdleConnections();
    },
    destroy() {
      for (const session of sessions) session.destroy();
      for (const connection of open) connection.destroy();
    },
  };
};

const sayGoodbye = (session: ServerHttp2Session): void => {
  if (session.destroyed) return;
  session.goaway();
  session.close();
};
