import { createServer as createHttp1Server, type RequestListener } from "node:http";
import { createServer as createHttp2Server, createSecureServer, type ServerHttp2Session } from "node:http2";
import type { Duplex } from "node:stream";
import type { DescService } from "@bufbuild/protobuf";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { acceptHttp } from "../../mesh/rpc/accept-http.ts";
import { systemRuntime } from "../../mesh/runtime/index.ts";
import type { BareServer, BareServerOptions } from "./serve-bare.ts";

/** The yardstick: the same handlers behind Connect's own adapter on node:http and node:http2. */
export const serveConnectNode = async <S extends DescService>(options: BareServerOptions<S>): Promise<BareServer> => {
  const { service, handlers, registry, messageBytesMax, tls, port = 0 } = options;
  const { network, timers } = systemRuntime();
  const adapter = connectNodeAdapter({
    routes: (router) => void router.service(service, handlers),
    jsonOptions: { registry },
    acceptCompression: [compressionGzip],
    ...(messageBytesMax === undefined ? {} : { readMaxBytes: messageBytesMax }),
  });
  const http1 = createHttp1Server((request, response) => {
    // A connection whose request was not read to its end cannot carry another.
    const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => typeof response;
    response.writeHead = (...head: unknown[]) => {
      if (!request.complete) response.shouldKeepAlive = false;
      return writeHead(...head);
    };
    (adapter as RequestListener)(request, response);
  });
  const http2 =
    tls === undefined
      ? createHttp2Server(UNLIMITED, adapter)
      : createSecureServer({ ...UNLIMITED, ...pem(tls), allowHTTP1: true, requestCert: tls.ca !== undefined }, adapter);
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.once("close", () => sessions.delete(session));
  });
  const open = new Set<Duplex>();
  const listener = await network.listen({ host: "127.0.0.1", port }, (connection) => {
    open.add(connection);
    connection.on("error", () => undefined);
    connection.once("close", () => open.delete(connection));
    if (tls !== undefined) http2.emit("connection", connection);
    else {
      const acceptors = {
        http1: () => void http1.emit("connection", connection),
        http2: () => void http2.emit("connection", connection),
      };
      acceptHttp(connection, acceptors, { timers, timeoutMs: 10_000 });
    }
  });
  return {
    port: listener.address.port,
    async drain(timeoutMs) {
      await listener.close();
      for (const session of sessions) session.close();
      const until = timers.sleep(timeoutMs);
      const closed = [...open].map((connection) => new Promise((resolve) => connection.once("close", resolve)));
      await Promise.race([until, Promise.all(closed)]);
      for (const connection of open) connection.destroy();
    },
  };
};

/** Calls that are cancelled or fail early, thousands in a row, are no attack here. */
const UNLIMITED = { streamResetBurst: 1_000_000, streamResetRate: 1_000_000 };

const pem = ({ key, cert, ca }: NonNullable<BareServerOptions<DescService>["tls"]>) => ({
  key: Buffer.from(key),
  cert: Buffer.from(cert),
  ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
});
