import type { Registry } from "@bufbuild/protobuf";
import { Code, type ConnectError, createContextValues, type Interceptor } from "@connectrpc/connect";
import { fail, reasons } from "../contract/fail.ts";
import type { AccessGuard, Entry } from "../identity/access-guard.ts";
import { ANONYMOUS } from "../identity/caller.ts";
import type { Logger } from "../observe/index.ts";
import { type Address, clockOfTurns, type ListenOn, type Runtime } from "../runtime/index.ts";
import type { RecordedReply } from "../store/store.ts";
import { type HeaderList, type HttpStream, memorySession, type Session, type WireLimits } from "../wire/index.ts";
import { acceptHttp } from "./accept-http.ts";
import { type TlsOptions, tlsAcceptor } from "./accept-tls.ts";
import { type CallCounts, CallWatch } from "./call-watch.ts";
import { callerKey } from "./caller-key.ts";
import type { CompiledMethod, MethodDeps } from "./compile-method.ts";
import { type Connections, trackConnections } from "./connections.ts";
import { GrpcStreaming } from "./grpc-streaming.ts";
import { GrpcTarget, isGrpcProto } from "./grpc-target.ts";
import { GrpcUnary } from "./grpc-unary.ts";
import type { Implementation } from "./implementation.ts";
import { DEFAULT_RPC_LIMITS, type RpcLimits } from "./limits.ts";
import { logRefusal } from "./observe-call.ts";
import { createOverloadGuard, type GuardedCalls, type OverloadGuard } from "./overload-guard.ts";
import { peerKey } from "./peer.ts";
import { priorityKey } from "./priority-key.ts";
import { pathOf } from "./request-path.ts";
import { respondError, respondUnknownMethod } from "./respond-error.ts";
import { compileRoutes, type Route } from "./routes.ts";
import { serveUniversal } from "./serve-universal.ts";
import { type WireChoice, wireFromEnvironment } from "./wire-choice.ts";

/** Answers one HTTP exchange, however it came. `end`: the request has no body. */
export type HttpHandler = (stream: HttpStream, headers: HeaderList, end: boolean) => void;

export interface RpcServerOptions {
  readonly implementations: readonly Implementation[];
  readonly runtime: Runtime;
  readonly log: Logger;
  readonly limits?: Partial<RpcLimits> | undefined;
  /** Bounds of HTTP/2 beside those that `limits` sets. */
  readonly wireLimits?: Partial<WireLimits> | undefined;
  /** Around every handler, the first outermost, within what the contract asks for. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** False: handlers and their errors as they are, without what the contract asks for. For tests and measurements of the wire. */
  readonly policies?: boolean | undefined;
  /** Asks who calls, and lets in whom the contract lets in. Absent in tests and measurements: everyone may call everything. */
  readonly access?: AccessGuard | undefined;
  /** Sheds calls under overload. Default: one of the server's own; none without policies. */
  readonly overload?: OverloadGuard | undefined;
  /** Message types that JSON may name in a google.protobuf.Any. */
  readonly registry?: Registry | undefined;
  /** Serves by TLS alone; without it in plaintext alone. */
  readonly tls?: TlsOptions | undefined;
  /** Who speaks HTTP/2; by default what `HEDDLE_WIRE` says. */
  readonly wire?: WireChoice | undefined;
  /** The reply recorded for a request id; absent in a service without a store. */
  readonly findReply?: ((method: string, requestId: string) => Promise<RecordedReply | undefined>) | undefined;
  /** Stands around everything that is answered, such as what decides who may ask. */
  readonly around?: ((handle: HttpHandler) => HttpHandler) | undefined;
  /** Answers what no implementation answers; by default UNIMPLEMENTED that names the nearest method. */
  readonly unmatched?: HttpHandler | undefined;
  /** Hears why the server ends, when it drains, after its GOAWAY. */
  readonly onDrain?: ((reason: ConnectError) => void) | undefined;
}

/** A server of gRPC, gRPC-Web, Connect and JSON on one port, over HTTP/1.1 and HTTP/2. */
export interface RpcServer {
  /** Answers one exchange. */
  readonly handle: HttpHandler;
  /** A way to call it from within the process. */
  connect(): Session;
  /** Listens; port 0 takes a free one. Resolves to the address in force. */
  listen(address: ListenOn): Promise<Address>;
  /** How the calls of its own methods have ended so far. */
  counts(): CallCounts;
  /**
   * Stops: accepts no connection, tells peers by GOAWAY (RFC 9113, 6.8), lets the calls that run finish for at most
   * `timeoutMs` milliseconds, then cuts what is left. Resolves to the number of calls that were cut.
   */
  drain(timeoutMs: number): Promise<number>;
}

/** Compiles every method once and serves them. */
export const createRpcServer = (options: RpcServerOptions): RpcServer => {
  const { runtime, log } = options;
  const { timers } = runtime;
  const limits = { ...DEFAULT_RPC_LIMITS, ...options.limits };
  const wire = options.wire ?? wireFromEnvironment();
  const shutdown = new AbortController();
  const watch = new CallWatch(runtime);
  const policies = options.policies ?? true;
  const overload = options.overload ?? (policies ? createOverloadGuard({ ...runtime, log }) : undefined);
  const deps: MethodDeps = {
    runtime,
    arrivals: clockOfTurns(runtime.clock),
    log,
    limits,
    watch,
    policies,
    findReply: options.findReply,
    interceptors: options.interceptors ?? [],
  };
  const routes = compileRoutes(options.implementations, deps, {
    shutdown: shutdown.signal,
    registry: options.registry,
  });
  const paths = [...routes.keys()];
  const unmatched = options.unmatched ?? ((stream, headers) => respondUnknownMethod(stream, headers, paths, timers));

  const answer: HttpHandler = (stream, headers, end) => {
    const known = headers.memo;
    if (known instanceof GrpcTarget && routes.get(known.path)?.grpc === known.grpc) {
      if (enter(known.grpc.compiled, known, stream, headers)) serveGrpc(known, stream, end);
      return;
    }
    const route = routes.get(pathOf(headers.get(":path") ?? "/"));
    if (route === undefined) {
      unmatched(stream, headers, end);
      return;
    }
    const { compiled } = route.grpc;
    const entry = options.access?.enter(compiled.permission, headers, stream.peer);
    // Who calls is known once it has been checked.
    const refusal = entry?.check();
    if (refusal !== undefined) {
      refuse(compiled, refusal, stream, headers);
      return;
    }
    const guarded = overload?.enter(compiled.method, headers, stream.peer, () => entry?.caller ?? ANONYMOUS);
    if (!hasRoom(guarded, stream, headers)) return;
    const entered = { entry, guarded };
    if (wire === "heddle" && isGrpcProto(headers)) serveGrpc(targetOf(route, headers, entered), stream, end);
    else serveByConnect(route, entered, { stream, headers, end });
  };

  const handle = options.around?.(answer) ?? answer;

  /** Before anything else is looked at: neither what is wrong with a call nor what there is shows to whom it does not concern. */
  const enter = (
    compiled: CompiledMethod,
    { entry, guarded }: Entered,
    stream: HttpStream,
    headers: HeaderList,
  ): boolean => {
    const refusal = entry?.check();
    if (refusal === undefined) return hasRoom(guarded, stream, headers);
    refuse(compiled, refusal, stream, headers);
    return false;
  };

  const refuse = (compiled: CompiledMethod, refusal: ConnectError, stream: HttpStream, headers: HeaderList): void => {
    logRefusal(compiled, refusal, stream.peer);
    respondError(stream, headers, refusal, timers);
  };

  const hasRoom = (guarded: GuardedCalls | undefined, stream: HttpStream, headers: HeaderList): boolean => {
    const shed = guarded?.check();
    if (shed === undefined) return true;
    respondError(stream, headers, shed, timers);
    return false;
  };

  const serveByConnect = (
    { grpc, universal: handler }: Route,
    { entry, guarded }: Entered,
    { stream, headers, end }: { stream: HttpStream; headers: HeaderList; end: boolean },
  ): void => {
    const values = createContextValues().set(peerKey, stream.peer);
    if (entry !== undefined) values.set(callerKey, entry.caller);
    if (guarded !== undefined) values.set(priorityKey, guarded.priority);
    const onError = (error: unknown) => log.debug({ err: error, path: handler.requestPath }, "reply not delivered");
    const requestTimeoutMs = grpc.compiled.streamsRequests ? undefined : limits.requestTimeoutMs;
    void serveUniversal(handler, stream, headers, end, { timers, values, requestTimeoutMs, onError });
  };

  const connections: Connections = trackConnections({
    handle,
    runtime,
    log,
    limits,
    wire,
    wireLimits: { ...wireLimitsOf(limits), ...options.wireLimits },
  });
  const takeIn = options.tls
    ? tlsAcceptor(options.tls, connections, { timeoutMs: limits.prefaceTimeoutMs })
    : (connection: Parameters<Connections["http1"]>[0]) =>
        acceptHttp(connection, connections, { timers, timeoutMs: limits.prefaceTimeoutMs });
  let stopListening: () => Promise<void> = async () => undefined;

  return {
    handle,
    connect() {
      const session: Session = memorySession(connections.sessionHandler(() => session));
      return connections.track(session);
    },
    async listen(address) {
      const listener = await runtime.network.listen(address, (connection) => {
        if (connections.add(connection)) takeIn(connection);
      });
      stopListening = () => listener.close();
      return listener.address;
    },
    counts: () => watch.counts,
    async drain(timeoutMs) {
      await stopListening();
      connections.goAway();
      const reason = fail(DRAINING, {}, { retryDelayMs: 0 });
      watch.drain(reason);
      options.onDrain?.(reason);
      const cut = await connections.settled(timeoutMs);
      if (cut > 0) {
        watch.cut(reason);
        shutdown.abort(reason);
        // Those that are cut are told so before their connections go.
        await connections.settled(LAST_WORDS_MS);
      }
      const gone = connections.destroy(Math.min(timeoutMs, LAST_BYTES_MS));
      // Beside node:http2 nobody waits: Connect's client takes a GOAWAY of its own process in the middle of a turn for an error.
      if (wire === "heddle") await gone;
      return cut;
    },
  };
};

/** Milliseconds in which a call that is cut can still be answered. */
const LAST_WORDS_MS = 100;

/** Milliseconds for which a peer that reads slowly is waited for, when the last answers are written. */
const LAST_BYTES_MS = 5_000;

const DRAINING = reasons("heddle.mesh")(
  "DRAINING",
  Code.Unavailable,
  "This instance is stopping; try again to reach another.",
);

/** What was found out about a caller's calls of one method. */
interface Entered {
  readonly entry: Entry | undefined;
  readonly guarded: GuardedCalls | undefined;
}

const targetOf = (route: Route, headers: HeaderList, entered: Entered): GrpcTarget => {
  const target = new GrpcTarget(route.grpc, headers, entered);
  // Where somebody else remembers something, such as a gateway in the same process, it stays theirs.
  headers.memo ??= target;
  return target;
};

const serveGrpc = (target: GrpcTarget, stream: HttpStream, end: boolean): void => {
  const { streamsReplies, streamsRequests } = target.grpc.compiled;
  const exchange =
    streamsReplies || streamsRequests ? new GrpcStreaming(target, stream) : new GrpcUnary(target, stream);
  exchange.start(end);
};

const wireLimitsOf = (limits: RpcLimits): Partial<WireLimits> => ({
  concurrentStreamsMax: limits.streamsPerConnectionMax,
  headerListBytesMax: limits.headerListBytesMax,
  idleTimeoutMs: limits.idleTimeoutMs,
});
