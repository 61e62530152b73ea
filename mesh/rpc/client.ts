import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { TRACEPARENT } from "../observe/index.ts";
import { type Clock, type Network, parseAddress, type Runtime } from "../runtime/index.ts";
import type { Session } from "../wire/index.ts";
import { type Call, currentCall } from "./call.ts";
import { deadlineError } from "./client/call-errors.ts";
import type { ConnectionPool } from "./client/connection-pool.ts";
import { type HeddleTransport, type Inherited, transportOn } from "./client/grpc-transport.ts";
import { createHeddleTransport } from "./client/heddle-transport.ts";
import { sessionPool } from "./client/session-pool.ts";
import { CONSUMER_HEADER } from "./consumer-header.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";
import { type WireChoice, wireFromEnvironment } from "./wire-choice.ts";

/** Milliseconds between PINGs on a connection that carries calls: how long a dead peer goes unnoticed. */
const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 5_000;

/**
 * A gRPC transport to one address, for instance `http://127.0.0.1:8080`. Connects on the first call, reconnects by itself. Calls
 * that are made for another call end with it: they take over its deadline, cancellation, trace and identity. Each is sent once:
 * `withPolicies` does what their contracts allow.
 */
export const grpcTransport = (
  baseUrl: string,
  runtime: ClientRuntime,
  wire: WireChoice = wireFromEnvironment(),
  identity: ClientIdentity = {},
): Transport =>
  wire === "heddle" ? heddleTransport(baseUrl, runtime, identity) : nodeTransport(baseUrl, runtime, identity);

/** What a client says of itself with each call. */
export interface ClientIdentity {
  /** The program that calls and its version, as `order/1.2.0`. Default: nothing is said. */
  readonly consumer?: string | undefined;
  /** Fields that prove who calls, name and value in turn, asked for each call; those that a call gives itself replace them. */
  readonly credentials?: (() => readonly string[]) | undefined;
}

const heddleTransport = (baseUrl: string, runtime: ClientRuntime, identity: ClientIdentity): Transport =>
  createHeddleTransport({
    baseUrl,
    runtime,
    acceptGzip: false,
    consumer: identity.consumer,
    inherit: inheritance(runtime.clock, identity),
    policies: false,
  });

type ClientRuntime = Pick<Runtime, "clock" | "timers" | "random" | "network">;

const inheritance =
  (clock: Clock, { credentials }: ClientIdentity) =>
  (): Inherited | undefined => {
    const call = currentCall();
    const own = credentials?.();
    if (call === undefined) {
      return own === undefined ? undefined : { fields: own, fixedFields: [], timeoutMs: undefined, outer: undefined };
    }
    return {
      fields: own === undefined ? call.forwarded : [...own, ...call.forwarded],
      fixedFields: [TRACEPARENT, call.traceparent],
      timeoutMs: leftOf(call, clock),
      outer: call,
    };
  };

const nodeTransport = (
  baseUrl: string,
  { clock, network }: { clock: Clock; network: Network },
  { credentials, consumer }: ClientIdentity,
): Transport => {
  const { hostname, port } = new URL(baseUrl);
  const address = parseAddress(`${hostname}:${port || 80}`);
  return withinCall(
    createGrpcTransport({
      baseUrl,
      nodeOptions: { createConnection: () => network.connect(address) },
      readMaxBytes: DEFAULT_RPC_LIMITS.messageBytesMax,
      writeMaxBytes: DEFAULT_RPC_LIMITS.messageBytesMax,
      acceptCompression: [],
      interceptors: [
        ...(credentials === undefined ? [] : [carrying(credentials)]),
        ...(consumer === undefined ? [] : [saying(CONSUMER_HEADER, consumer)]),
      ],
      pingIntervalMs: PING_INTERVAL_MS,
      pingTimeoutMs: PING_TIMEOUT_MS,
    }),
    clock,
  );
};

const carrying =
  (credentials: () => readonly string[]): Interceptor =>
  (next) =>
  (request) => {
    const fields = credentials();
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] as string;
      if (!request.header.has(name)) request.header.set(name, fields[index + 1] as string);
    }
    return next(request);
  };

const saying =
  (name: string, value: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set(name, value);
    return next(request);
  };

/**
 * A transport to a server in the same process. Messages are encoded and decoded on the way, so that neither side can see the
 * other's objects; deadlines, metadata and errors are those of a call over the network.
 */
export const memoryTransport = (
  server: { connect(): Session },
  { clock, timers }: MemoryRuntime,
  identity: ClientIdentity = {},
): Transport =>
  transportOver(
    sessionPool(() => server.connect()),
    "memory",
    { clock, timers },
    identity,
  );

/**
 * A gRPC transport over a pool, such as one of several addresses. Calls take over from the one that they are made for, as those of
 * `grpcTransport` do. `authority`: what calls say they are for, `host:port`.
 */
export const transportOver = (
  pool: ConnectionPool,
  authority: string,
  { clock, timers }: MemoryRuntime,
  identity: ClientIdentity = {},
): HeddleTransport =>
  transportOn(
    pool,
    { scheme: "http", authority, basePath: "" },
    { clock, timers },
    { acceptGzip: false, consumer: identity.consumer, inherit: inheritance(clock, identity) },
  );

type MemoryRuntime = Pick<Runtime, "clock" | "timers">;

/** What Heddle's own transport does by itself: a call takes over from the one that it is made for. */
const withinCall = (transport: Transport, clock: Clock): Transport => ({
  async unary(method, signal, timeoutMs, header, input, values) {
    const outer = inherit(signal, timeoutMs, header, clock);
    return transport.unary(method, outer.signal, outer.timeoutMs, outer.header, input, values).catch(refused);
  },
  async stream(method, signal, timeoutMs, header, input, values) {
    const outer = inherit(signal, timeoutMs, header, clock);
    return transport.stream(method, outer.signal, outer.timeoutMs, outer.header, input, values).catch(refused);
  },
});

/**
 * A server that drains refuses the streams that cross its GOAWAY on the way: nothing was done, and another try is safe (RFC
 * 9113, 8.7). Connect takes that for a fault of the server.
 */
const refused = (error: unknown): never => {
  const { rawMessage } = ConnectError.from(error);
  if (!rawMessage.includes("NGHTTP2_REFUSED_STREAM")) throw error;
  throw new ConnectError("The server is stopping.", Code.Unavailable, undefined, undefined, error);
};

/** What `new Headers` takes. */
type HeaderInit = ConstructorParameters<typeof Headers>[0];

const inherit = (
  signal: AbortSignal | undefined,
  timeoutMs: number | undefined,
  header: HeaderInit,
  clock: Clock,
): { signal: AbortSignal | undefined; timeoutMs: number | undefined; header: HeaderInit } => {
  const call = currentCall();
  if (call === undefined) return { signal, timeoutMs, header };
  const merged = new Headers();
  for (let index = 0; index < call.forwarded.length; index += 2)
    merged.append(call.forwarded[index] as string, call.forwarded[index + 1] as string);
  for (const [name, value] of new Headers(header)) merged.set(name, value);
  merged.set(TRACEPARENT, call.traceparent);
  const leftMs = leftOf(call, clock);
  return {
    signal: signal === undefined ? call.signal : AbortSignal.any([signal, call.signal]),
    timeoutMs: leftMs === undefined ? timeoutMs : Math.min(leftMs, timeoutMs ?? leftMs),
    header: merged,
  };
};

/** Milliseconds of a call's time that are kept back from the calls that are made for it, so that it can still answer itself. */
export const WAY_BACK_MS = 2;

/**
 * What a call that is made for another may take. Whole milliseconds, as they are told; at least one.
 *
 * @throws ConnectError DEADLINE_EXCEEDED when the answer would come too late: then nothing is sent.
 */
const leftOf = ({ deadlineMs }: Call, clock: Clock): number | undefined => {
  if (deadlineMs === undefined) return undefined;
  const leftMs = Math.floor(deadlineMs - clock.monotonicMs()) - WAY_BACK_MS;
  if (leftMs < 1) throw deadlineError();
  return leftMs;
};
