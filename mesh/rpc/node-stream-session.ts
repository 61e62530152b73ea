import type { ClientHttp2Session } from "node:http2";
import { ErrorCode, type HeaderList, type HttpStream, type Session, type StreamHandler } from "../wire/index.ts";
import { NodeHttp2Stream, nodeHeaders } from "./node-stream-http2.ts";

/** A client's connection of `node:http2`, seen as the engine's. `peer`: the other end as `host:port`. */
export const nodeClientSession = (session: ClientHttp2Session, peer: string): Session => {
  let openStreams = 0;
  let draining = false;
  // Every stream learns of the failure by itself.
  session.on("error", () => undefined);
  session.once("goaway", () => {
    draining = true;
  });
  const isDraining = () => draining || session.closed || session.destroyed;
  const freeStreams = () => {
    const max = session.remoteSettings?.maxConcurrentStreams ?? STREAMS_UNTIL_TOLD;
    return isDraining() ? 0 : Math.max(0, max - openStreams);
  };
  return {
    peer,
    get openStreams() {
      return openStreams;
    },
    get draining() {
      return isDraining();
    },
    get closed() {
      return session.destroyed;
    },
    get freeStreams() {
      return freeStreams();
    },
    request(
      headers: HeaderList,
      extra: readonly string[] | undefined,
      end: boolean,
      handler: StreamHandler,
    ): HttpStream {
      if (freeStreams() === 0) throw new RangeError("the connection takes no further stream");
      const opened = session.request(nodeHeaders(headers, extra), { endStream: end, waitForTrailers: !end });
      openStreams++;
      opened.once("close", () => {
        openStreams--;
      });
      const stream = new NodeHttp2Stream(opened, { peer, end });
      stream.handler = handler;
      return stream;
    },
    ping(onPong) {
      if (session.destroyed) return;
      session.ping((error, roundTripMs) => {
        if (error === null) onPong(roundTripMs);
      });
    },
    drain() {
      draining = true;
      if (!session.destroyed) session.close();
    },
    destroy(code = ErrorCode.NO_ERROR) {
      session.destroy(undefined, code);
    },
  };
};

/** What the engine assumes as well, until the peer has told. */
const STREAMS_UNTIL_TOLD = 100;
