import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import { Code, type ConnectError, createConnectRouter, createContextValues } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { fail, reasons } from "../contract/fail.ts";
import { assertRulesCompile, createRequestValidator } from "../contract/validate.ts";
import type { Logger } from "../observe/index.ts";
import type { Address, Runtime, Timers } from "../runtime/index.ts";
import type { RecordedReply } from "../store/store.ts";
import { acceptHttp } from "./accept-http.ts";
import { capTimeout } from "./cap-timeout.ts";
import { completeErrors } from "./complete-errors.ts";
import { trackConnections } from "./connections.ts";
import type { Implementation } from "./implementation.ts";
import { DEFAULT_RPC_LIMITS, type RpcLimits } from "./limits.ts";
import { peerKey } from "./peer.ts";
import { respondUnknownMethod } from "./respond-error.ts";
import { countCalls, createRunningCalls } from "./running-calls.ts";
import { serveMethod } from "./serve-method.ts";

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;
/** Answers one HTTP request of either version. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

export interface RpcServerOptions {
  readonly implementations: readonly Implementation[];
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly limits?: Partial<RpcLimits>;
  /** The reply recorded for a request id; absent in a service without a store. */
  readonly findReply?: ((method: string, requestId: string) => Promise<RecordedReply | undefined>) | undefined;
  /** Answers what no implementation answers; by default UNIMPLEMENTED that names the nearest method. */
  readonly unmatched?: HttpHandler | undefined;
}

/** A server of gRPC, gRPC-Web, Connect and JSON on one port, over HTTP/1.1 and HTTP/2. */
export interface RpcServer {
  /** One handler per method, for calls within the process. */
  readonly handlers: readonly UniversalHandler[];
  /** Answers one request, however it came. */
  readonly handle: HttpHandler;
  /** Listens; port 0 takes a free one. Resolves to the address in force. */
  listen(address: Address): Promise<Address>;
  /**
   * Stops: accepts no connection, tells peers by GOAWAY (RFC 9113, 6.8), lets the calls that run finish for at most
   * `timeoutMs` milliseconds, then cuts what is left. Resolves to the number of calls that were cut.
   */
  drain(timeoutMs: number): Promise<number>;
}

/** Compiles every method once and serves them. */
export const createRpcServer = (options: RpcServerOptions): RpcServer => {
  const { runtime, log } = options;
  const limits = { ...DEFAULT_RPC_LIMITS, ...options.limits };
  const draining = new AbortController();
  const shutdown = new AbortController();
  const handlers = compile(options, limits, { draining: draining.signal, shutdown: shutdown.signal });
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  const paths = [...byPath.keys()];
  const unmatched = options.unmatched ?? ((request, response) => respondUnknownMethod(request, response, paths));
  const calls = createRunningCalls(runtime.timers);

  const handle: HttpHandler = (request, response) => {
    response.once("close", calls.enter());
    capTimeout(request.headers);
    if ("stream" in request) dropUnreadBody(request.stream, runtime.timers);
    const path = pathOf(request.url ?? "/");
    const handler = byPath.get(path);
    if (handler === undefined) {
      try {
        unmatched(request, response);
      } catch (error) {
        // Whatever a peer sent, it ends its own call and nothing else.
        log.error({ err: error, path }, "call not answered");
        response.destroy();
      }
      return;
    }
    const values = createContextValues().set(peerKey, peerOf(request));
    Promise.try(() =>
      handler(
        universalRequestFromNodeRequest(request as IncomingMessage, response as ServerResponse, undefined, values),
      ),
    )
      .then((reply) => universalResponseToNodeResponse(reply, response as ServerResponse))
      .catch((error: unknown) => {
        // What fails here is the connection: the call itself has been answered or logged.
        log.debug({ err: error, path }, "reply not delivered");
        response.destroy();
      });
  };

  const http2 = createHttp2Server({
    settings: { maxConcurrentStreams: limits.streamsPerConnectionMax, maxHeaderListSize: limits.headerListBytesMax },
    maxSessionMemory: limits.sessionMegabytesMax,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
  });
  http2.on("request", handle);
  http2.on("sessionError", (error) => log.debug({ err: error }, "HTTP/2 connection failed"));
  const http1 = createHttp1Server(
    {
      maxHeaderSize: limits.headerListBytesMax,
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: limits.requestTimeoutMs,
    },
    handle,
  );
  // node:http starts to watch for slow requests when its server listens; ours is given its connections one by one.
  http1.emit("listening");
  const connections = trackConnections(http2, { http1, limits });
  let stopListening: () => Promise<void> = async () => undefined;

  return {
    handlers: handlers.map((handler) => countCalls(handler, calls)),
    handle,
    async listen(address) {
      const acceptors = {
        http1: (connection: Duplex) => void http1.emit("connection", connection),
        http2: (connection: Duplex) => void http2.emit("connection", connection),
      };
      const listener = await runtime.network.listen(address, (connection) => {
        if (connections.add(connection))
          acceptHttp(connection, acceptors, { timers: runtime.timers, timeoutMs: limits.prefaceTimeoutMs });
      });
      stopListening = () => listener.close();
      return listener.address;
    },
    async drain(timeoutMs) {
      await stopListening();
      connections.goAway();
      draining.abort(fail(DRAINING, {}, { retryDelayMs: 0 }));
      const cut = await calls.settled(timeoutMs);
      if (cut > 0) {
        shutdown.abort(fail(DRAINING, {}, { retryDelayMs: 0 }));
        // Those that are cut are told so before their connections go.
        await calls.settled(LAST_WORDS_MS);
      }
      // Cut in a later turn, so that a GOAWAY can leave before; nobody waits for it, since every call has its answer.
      void connections.destroy();
      http1.close();
      return cut;
    },
  };
};

/** Milliseconds in which a call that is cut can still be answered. */
const LAST_WORDS_MS = 100;

const DRAINING = reasons("heddle.mesh")(
  "DRAINING",
  Code.Unavailable,
  "This instance is stopping; try again to reach another.",
);

const compile = (
  options: RpcServerOptions,
  limits: RpcLimits,
  { draining, shutdown }: { draining: AbortSignal; shutdown: AbortSignal },
): UniversalHandler[] => {
  const { runtime, log, findReply } = options;
  const deps = { runtime, log, limits, findReply, draining, validate: createRequestValidator() };
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytesMax,
    writeMaxBytes: limits.messageBytesMax,
    shutdownSignal: shutdown,
    // A misspelt field must not be dropped in silence.
    jsonOptions: { ignoreUnknownFields: false },
  });
  for (const { service, handlers } of options.implementations) {
    // Now, because the first call would wait for it, and a short deadline would not.
    assertRulesCompile(service);
    for (const method of service.methods) {
      const handler = handlers[method.localName];
      if (handler === undefined) throw new Error(`${service.typeName}/${method.name} has no handler`);
      router.rpc(method, serveMethod(method, handler, deps));
    }
  }
  const onMalformed = (error: ConnectError, path: string) =>
    log.info({ method: path, code: Code[error.code], message: error.rawMessage }, "call refused before it was read");
  return router.handlers.map((handler) =>
    completeErrors(handler, (error) => onMalformed(error, handler.requestPath.slice(1))),
  );
};

/** Milliseconds after its answer that a request may go on sending: trailers must have left before the stream is reset. */
const UNREAD_BODY_MS = 100;

/**
 * Ends a stream whose answer is complete although its body is not: what the peer still sends would be kept for nobody
 * (RFC 9113, 8.1: RST_STREAM with NO_ERROR).
 */
const dropUnreadBody = (stream: ServerHttp2Stream, timers: Timers): void => {
  stream.once("finish", () => {
    if (stream.readableEnded) return;
    const timer = timers.after(UNREAD_BODY_MS, () => {
      stream.close(constants.NGHTTP2_NO_ERROR);
      // Without it the stream would wait for somebody to read what it has received.
      stream.destroy();
    });
    stream.once("close", () => timer.cancel());
  });
};

/** A request target without its query. */
export const pathOf = (target: string): string => {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
};

const peerOf = (request: HttpRequest): string => {
  const { remoteAddress, remotePort } = request.socket;
  return remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`;
};
