import type { ConnectError } from "@connectrpc/connect";
import { type Candidate, SOMEWHERE } from "@heddle/mesh/discovery";
import { PREVIOUS_ATTEMPTS, plainVersion, type RetryBudget, readPreviousAttempts } from "@heddle/mesh/policy";
import { respondError, SERVICE_HEADER } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { Passage, RequestSampler } from "../edge/edge.ts";
import type { Mirrors } from "../mirror/mirrors.ts";
import type { CallPlan } from "../routing/call-plan.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import type { MethodRoutes } from "../routing/method-routes.ts";
import { unreachable } from "../routing/try-later.ts";
import { pickAnother } from "../traffic/pick-another.ts";
import type { Traffic } from "../traffic/traffic.ts";
import type { Relay, Route } from "./relay.ts";

/** Takes over an exchange and sends it to an instance of a method. `end`: the request has no body. */
export type Carrier = (
  stream: HttpStream,
  headers: HeaderList,
  end: boolean,
  where: { readonly method: MethodRoute; readonly plan: CallPlan },
) => void;

export const createCarrier =
  ({
    routes,
    relay,
    timers,
    traffic,
    mirrors,
  }: {
    routes: MethodRoutes;
    relay: Relay;
    timers: Timers;
    traffic: Traffic;
    mirrors: Pick<Mirrors, "watched">;
  }): Carrier =>
  (stream, headers, end, { method, plan }) => {
    const { service } = method;
    const rules = traffic.of(plan, method, headers);
    const version = rules?.version();
    plan.isAgain ??= readPreviousAttempts(headers.get(PREVIOUS_ATTEMPTS)) > 0;
    const candidate = pickAnother(method, plan.isAgain ? SOMEWHERE : undefined, version);
    if (candidate === undefined) {
      respondError(stream, headers, routes.nobody(service, headers.get(SERVICE_HEADER)), timers);
      return;
    }
    const to = rules?.mirror();
    const isCopied = to !== undefined && to.version !== plainVersion(candidate.endpoint.version);
    const carried = isCopied ? mirrors.watched(stream, { headers, method, to, relay }) : stream;
    try {
      relay.send(carried, headers, end, new NextRoute(method, { candidate, version }, plan));
    } catch (cause) {
      // What an instance says of itself, or a caller sends, must never end the gateway.
      respondError(carried, headers, unreachable(service, cause), timers);
    }
  };

/** The route of one call. */
class NextRoute implements Route {
  readonly candidate: Candidate;
  readonly isUnary: boolean;
  readonly timeoutMs: number | undefined;
  readonly answerFields: readonly string[];
  readonly sampler: RequestSampler | undefined;
  readonly #method: MethodRoute;
  readonly #version: string | undefined;
  readonly #passage: Passage | undefined;

  constructor(
    method: MethodRoute,
    { candidate, version }: { readonly candidate: Candidate; readonly version: string | undefined },
    { timeoutMs, passage }: CallPlan,
  ) {
    this.#method = method;
    this.#version = version;
    this.#passage = passage;
    this.candidate = candidate;
    this.isUnary = method.method.methodKind === "unary";
    this.timeoutMs = timeoutMs;
    this.answerFields = passage?.answerFields ?? [];
    this.sampler = passage?.sampler;
  }

  get service(): string {
    return this.#method.service;
  }

  get requestBytesMax(): number | undefined {
    return this.#method.requestBytesMax;
  }

  get budget(): RetryBudget | undefined {
    return this.#method.budget;
  }

  refused(error: ConnectError): void {
    this.#passage?.refused(error);
  }

  another(avoid: readonly string[]): Candidate | undefined {
    return pickAnother(this.#method, avoid, this.#version);
  }
}
