import { type ClientHttp2Session, connect, constants, type OutgoingHttpHeaders } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { commonReasons, fail } from "@heddle/mesh/contract";
import { continueTrace, TRACEPARENT } from "@heddle/mesh/observe";
import { DEFAULT_RPC_LIMITS, type HttpRequest, type HttpResponse, respondError } from "@heddle/mesh/rpc";
import { type Network, parseAddress, type Random, type Timers } from "@heddle/mesh/runtime";
import { INSTANCE_UNREACHABLE, RELAY_LOOP } from "./errors.ts";
import { interrupt } from "./interrupt.ts";
import { beginResponse } from "./response.ts";

/** Where a call goes, and how long it may take. */
export interface Route {
  /** Full name of the service, for errors. */
  readonly service: string;
  /** The instance's `host:port`. */
  readonly address: string;
  /** Milliseconds after which the instance is taken for hung; undefined for streams without a deadline. */
  readonly timeoutMs: number | undefined;
}

/** Carries calls to instances over HTTP/2 without decoding them: any protocol that an instance speaks passes. */
export interface Relay {
  send(request: HttpRequest, response: HttpResponse, route: Route): void;
  /** Lets the calls to an address finish and closes its connection. */
  forget(address: string): void;
  /** Closes every connection. */
  close(): void;
}

/** Headers that concern one connection only (RFC 9110, 7.6.1), and those that HTTP/2 replaces. */
const PER_CONNECTION = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Milliseconds that a caller should wait before it tries an instance that could not be reached again. */
const RETRY_DELAY_MS = 200;

export const createRelay = ({
  network,
  timers,
  random,
  instanceId,
}: {
  network: Network;
  timers: Timers;
  random: Random;
  /** This gateway's own: what it has relayed carries it, and is not relayed again. */
  instanceId: string;
}): Relay => {
  const sessions = new Map<string, ClientHttp2Session>();

  const sessionTo = (address: string): ClientHttp2Session => {
    const open = sessions.get(address);
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const target = parseAddress(address);
    const session = connect("http://instance", {
      maxSessionMemory: DEFAULT_RPC_LIMITS.sessionMegabytesMax,
      createConnection: () => network.connect(target),
    });
    sessions.set(address, session);
    const drop = () => {
      if (sessions.get(address) === session) sessions.delete(address);
    };
    session.once("close", drop);
    session.once("goaway", drop);
    // Every call on it learns of the failure by its own stream.
    session.on("error", drop);
    return session;
  };

  return {
    send(request, response, route) {
      const via = single(request.headers.via) ?? "";
      if (via.includes(instanceId)) {
        respondError(request, response, fail(RELAY_LOOP, { service: route.service, address: route.address }));
        return;
      }
      const headers = { ...requestHeaders(request, random), via: `${via && `${via}, `}2.0 ${instanceId}` };
      const session = sessionTo(route.address);
      const upstream = session.request(headers, { endStream: false });
      let begun: { contentType: string; body: Writable } | undefined;
      let answered = false;
      let timer = undefined as { cancel(): void } | undefined;
      const failWith = (error: Parameters<typeof respondError>[2]) => {
        timer?.cancel();
        if (answered) return;
        answered = true;
        respondError(request, response, error);
      };
      if (route.timeoutMs !== undefined) {
        timer = timers.after(route.timeoutMs, () => {
          upstream.close(constants.NGHTTP2_CANCEL);
          failWith(fail(commonReasons("heddle.gateway").DEADLINE_EXCEEDED, {}));
        });
      }
      upstream.on("response", (headers, flags) => {
        if (answered) return;
        answered = true;
        const end = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
        const downstream = beginResponse(response, headers, end);
        begun = { contentType: String(headers["content-type"] ?? ""), body: downstream.body };
        upstream.on("trailers", (trailers) => downstream.trailers(trailers));
        if (end) return;
        upstream.pipe(downstream.body, { end: false });
        // Node ends what it reads from a broken connection like any other; the close below tells the two apart.
        upstream.on("end", () => {
          if (!session.destroyed) downstream.body.end();
        });
      });
      upstream.on("error", () => undefined);
      upstream.on("close", () => {
        timer?.cancel();
        // An instance may answer before it has read everything; the rest is read for nobody, so that the caller sees the answer.
        (request as Readable).unpipe(upstream as Writable).resume();
        const lost = () => fail(INSTANCE_UNREACHABLE, { service: route.service }, { retryDelayMs: RETRY_DELAY_MS });
        if (!answered) {
          failWith(lost());
        } else if (upstream.rstCode === constants.NGHTTP2_NO_ERROR) {
          begun?.body.end();
        } else if (!response.writableFinished) {
          // A reset is passed on as one; a connection that broke is an error that the caller can act on.
          const told = session.destroyed && begun !== undefined && interrupt(response, { ...begun, error: lost() });
          if (!told) reset(response, upstream.rstCode);
        }
      });
      response.once("close", () => {
        if (!upstream.closed) upstream.close(constants.NGHTTP2_CANCEL);
      });
      (request as Readable).pipe(upstream as Writable);
      (request as Readable).on("error", () => upstream.close(constants.NGHTTP2_CANCEL));
    },
    forget(address) {
      sessions.get(address)?.close();
      sessions.delete(address);
    },
    close() {
      for (const session of sessions.values()) session.destroy();
    },
  };
};

const requestHeaders = (request: HttpRequest, random: Random): OutgoingHttpHeaders => {
  const headers: OutgoingHttpHeaders = {
    ":method": request.method ?? "POST",
    ":path": request.url ?? "/",
    ":scheme": "http",
    ":authority": "authority" in request ? request.authority : (request.headers.host ?? "heddle"),
  };
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith(":") && !PER_CONNECTION.has(name) && name !== "te") headers[name] = value;
  }
  // gRPC asks proxies whether they keep trailers; this one does (gRPC over HTTP/2, Requests).
  headers.te = "trailers";
  headers[TRACEPARENT] = continueTrace(single(request.headers[TRACEPARENT]), random);
  headers["x-forwarded-for"] = request.socket.remoteAddress;
  return headers;
};

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

const reset = (response: HttpResponse, code: number | undefined): void => {
  if ("stream" in response) response.stream.close(code);
  else response.destroy();
};
