import { createServer } from "node:http2";
import type { Duplex } from "node:stream";
import { HeaderList, type HttpStream, type SessionHandler, serveSession } from "@heddle/mesh/wire";
import { systemRuntime } from "../../mesh/runtime/index.ts";

/** A server of HTTP/2 alone. */
export interface PlainServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Answers every request, once it is whole, with 200 and a few bytes: the engine with nothing above it, or node:http2 where
 * HEDDLE_WIRE says so. Port 0 takes a free one.
 */
export const servePlain = async (port: number): Promise<PlainServer> => {
  const runtime = systemRuntime();
  const open = new Set<Duplex>();
  const node = process.env.HEDDLE_WIRE === "node" ? nodeServer() : undefined;
  const listener = await runtime.network.listen({ host: "127.0.0.1", port }, (connection) => {
    open.add(connection);
    connection.once("close", () => open.delete(connection));
    if (node === undefined) serveSession(connection, { onStream }, runtime);
    else node.emit("connection", connection);
  });
  return {
    port: listener.address.port,
    async close() {
      await listener.close();
      for (const connection of open) connection.destroy();
    },
  };
};

const OK = HeaderList.of({ ":status": "200", "content-type": "text/plain" });
const BODY = Buffer.from("a heddle guides each thread\n");

const onStream: SessionHandler["onStream"] = (stream, _headers, end) => {
  const answer = () => {
    stream.sendHeaders(OK, undefined, false);
    stream.sendData(BODY, true);
  };
  stream.handler = bodyless(stream, answer);
  if (end) answer();
};

const bodyless = (stream: HttpStream, onEnd: () => void): HttpStream["handler"] => ({
  onHeaders: () => undefined,
  onData(chunk, end) {
    stream.consume(chunk.length);
    if (end) onEnd();
  },
  onTrailers: onEnd,
  onReset: () => undefined,
  onDrain: () => undefined,
});

const nodeServer = () => {
  const server = createServer({ settings: { maxConcurrentStreams: 1_000 } });
  server.on("sessionError", () => undefined);
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "text/plain" });
      stream.end(BODY);
    });
    stream.resume();
  });
  return server;
};
