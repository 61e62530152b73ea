import { create, type DescMethodUnary, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { commonReasons, fail, methodPath } from "@heddle/mesh/contract";
import { SERVICE_HEADER } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { RequestSampler } from "../edge/edge.ts";
import { ANSWER_UNREADABLE } from "../errors.ts";
import { planOf } from "../routing/call-plan.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import { unreachable } from "../routing/try-later.ts";
import type { Traffic } from "../traffic/traffic.ts";
import type { BackendCall, Backends } from "../translate/backends.ts";
import type { Answer, Ending } from "./collected-answer.ts";
import { isOneMessage, type Question, REQUEST_BYTES_MAX, type ReplyCache } from "./reply-cache.ts";
import { ageOf } from "./shared-call.ts";
import { sharingOf } from "./sharing.ts";

/** Backends whose calls share replies with those by gRPC, where the contract of the method declares `cache`. */
export const cachedBackends = (
  backends: Backends,
  deps: {
    readonly routes: Pick<MethodRoutes, "at">;
    readonly traffic: Traffic;
    readonly replies: ReplyCache;
    readonly timers: Timers;
    /** This gateway's own. */
    readonly instanceId: string;
  },
): Backends => ({
  transportFor(method, call) {
    const alone = backends.transportFor(method, call);
    const route = deps.routes.at(methodPath(method), call.headers.get(SERVICE_HEADER));
    const plan = planOf(call.headers);
    if (route?.cacheMs === undefined || deps.traffic.of(plan, route, call.headers)?.isPinned) return alone;
    const sharing = sharingOf(route, call.headers, deps.instanceId);
    const sampler = plan.passage?.sampler;
    return sharing === undefined ? alone : sharedTransport(alone, { ...deps, call, route, sharing, sampler });
  },
});

interface SharedDeps extends Pick<Question, "sharing"> {
  readonly replies: ReplyCache;
  readonly timers: Timers;
  readonly call: BackendCall;
  readonly route: MethodRoute;
  /** What the request is shown to; undefined: nobody asks. */
  readonly sampler: RequestSampler | undefined;
}

const sharedTransport = (
  alone: Transport,
  { replies, timers, call, route, sharing, sampler }: SharedDeps,
): Transport => ({
  stream: (...stream) => alone.stream(...stream),
  async unary(method, signal, timeoutMs, header, input, values) {
    const message = toBinary(method.input, create(method.input, input));
    const body = encodeEnvelope(0, message);
    if (body.length > REQUEST_BYTES_MAX) return alone.unary(method, signal, timeoutMs, header, input, values);
    sampler?.look(message);
    const [ending, ageMs] = await asked(
      (told) => replies.ask({ method: route, sharing, body, peer: call.peer }, told),
      {
        timers,
        signal,
        timeoutMs,
      },
    );
    return responseOf(method, ending, ageMs);
  },
});

type Asked = readonly [Ending, number | undefined];

/** The ending of a question, or an error when the caller has left or waits no longer. */
const asked = async (
  ask: (told: (...answer: Asked) => void) => () => void,
  { timers, signal, timeoutMs }: { timers: Timers; signal: AbortSignal | undefined; timeoutMs: number | undefined },
): Promise<Asked> => {
  const { promise, resolve, reject } = Promise.withResolvers<Asked>();
  signal?.throwIfAborted();
  const leave = ask((...answer) => resolve(answer));
  const left = () => reject(ConnectError.from(signal?.reason, Code.Canceled));
  signal?.addEventListener("abort", left);
  const timer =
    timeoutMs === undefined
      ? undefined
      : timers.after(timeoutMs, () => reject(fail(commonReasons("heddle.gateway").DEADLINE_EXCEEDED, {})));
  try {
    return await promise;
  } finally {
    leave();
    timer?.cancel();
    signal?.removeEventListener("abort", left);
  }
};

/** @throws ConnectError when the answer is one, or none. */
const responseOf = (
  method: DescMethodUnary,
  ending: Ending,
  ageMs: number | undefined,
): UnaryResponse<never, never> => {
  const service = method.parent.typeName;
  if (typeof ending === "number") throw unreachable(service);
  const header = headersOf(ending.headers);
  const trailer = headersOf(ending.trailers);
  const error = findTrailerError(ending.trailers === undefined ? header : trailer);
  if (error !== undefined) throw error;
  if (ageMs !== undefined) header.set("age", ageOf(ageMs));
  return {
    stream: false,
    service: method.parent,
    method,
    header,
    message: messageOf(method, ending),
    trailer,
  } as never;
};

const messageOf = (method: DescMethodUnary, { body }: Answer): Message => {
  const service = method.parent.typeName;
  if (!isOneMessage(body)) throw fail(ANSWER_UNREADABLE, { service, problem: "it is not one message" });
  try {
    return fromBinary(method.output, body.subarray(5));
  } catch (cause) {
    throw fail(ANSWER_UNREADABLE, { service, problem: "its message cannot be decoded" }, { cause });
  }
};

/** What is the service's own in a header or trailer section. */
const headersOf = (list: HeaderList | undefined): Headers => {
  const headers = new Headers();
  const fields = list?.fields ?? [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!name.startsWith(":")) headers.append(name, fields[index + 1] as string);
  }
  return headers;
};
