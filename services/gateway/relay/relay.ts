import type { ConnectError } from "@connectrpc/connect";
import { commonReasons, fail } from "@heddle/mesh/contract";
import type { Candidate } from "@heddle/mesh/discovery";
import { continueTrace } from "@heddle/mesh/observe";
import type { RetryBudget } from "@heddle/mesh/policy";
import { respondError } from "@heddle/mesh/rpc";
import type { Runtime } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { RequestSampler } from "../edge/edge.ts";
import { RELAY_LOOP } from "../errors.ts";
import { planOf } from "../routing/call-plan.ts";
import { EndlessCalls } from "./endless-calls.ts";
import { createForwarder } from "./forwarded-headers.ts";
import { HangGuard } from "./hang-guard.ts";
import { RelayedCall } from "./relayed-call.ts";
import type { Upstreams } from "./upstreams.ts";

/** Where a call goes, and how long it may take. */
export interface Route {
  /** Full name of the service, for errors. */
  readonly service: string;
  /** The instance. */
  readonly candidate: Candidate;
  /** One message each way: how long its answer takes is the instance's doing. */
  readonly isUnary: boolean;
  /** Milliseconds after which the instance is taken for hung; undefined for streams without a deadline. */
  readonly timeoutMs: number | undefined;
  /** Bytes of the request's body, beyond which it is refused; undefined where only single messages are bounded. */
  readonly requestBytesMax?: number | undefined;
  /** Fields that the answer gets beside the instance's own, name and value in turn. */
  readonly answerFields: readonly string[];
  /** What the first message of the request is shown to; undefined: nobody asks. */
  readonly sampler?: RequestSampler | undefined;
  /** What the service may be sent again, of a method whose calls may take effect twice; undefined: each is sent once. */
  readonly budget?: RetryBudget | undefined;
  /** Hears that the call is refused, for want of room or because it is too large. */
  refused?(error: ConnectError): void;
  /** Another instance than those at these addresses where there is one, for a call that the first one has not begun; or none. */
  another?(avoid: readonly string[]): Candidate | undefined;
}

/**
 * Carries calls to instances over HTTP/2, frame by frame, without decoding them: any protocol that an instance speaks passes. What
 * one side sends leaves no faster than the other side takes it.
 */
export interface Relay {
  /**
   * Takes over an exchange. `end`: the request has no body.
   *
   * @throws TypeError when the route's address is none.
   */
  send(stream: HttpStream, headers: HeaderList, end: boolean, route: Route): void;
  /** Lets the calls to an address finish and closes its connections. */
  forget(address: string): void;
  /**
   * Ends the calls without a deadline, now and from now on, with the reason why the gateway ends, and a second later those that are
   * streams; the others may finish.
   */
  drain(reason: ConnectError): void;
  /** Closes every connection. */
  close(): void;
}

export interface RelayOptions {
  readonly runtime: Pick<Runtime, "clock" | "timers" | "random">;
  /** This gateway's own: what it has relayed carries it, and is not relayed again. */
  readonly instanceId: string;
  /** The connections to instances. */
  readonly upstreams: Upstreams;
}

/** Milliseconds that a stream with a deadline gets to end by itself when the gateway drains; most take a few. */
const STREAM_GRACE_MS = 1_000;

export const createRelay = ({ runtime, instanceId, upstreams }: RelayOptions): Relay => {
  const { clock, timers, random } = runtime;
  const forward = createForwarder(instanceId);
  const [endless, streams] = [new EndlessCalls(), new EndlessCalls()];
  const deps = { upstreams, clock, timers, guard: new HangGuard(timers), endless, streams };
  return {
    send(stream, headers, end, route) {
      const plan = planOf(headers);
      plan.forwarded ??= forward(headers, stream.peer);
      const { forwarded } = plan;
      if (forwarded.isLoop) {
        const { service, candidate } = route;
        const loop = fail(RELAY_LOOP, { service, address: candidate.endpoint.address });
        respondError(stream, headers, loop, timers);
        return;
      }
      if (forwarded.isLate) {
        respondError(stream, headers, fail(commonReasons("heddle.gateway").DEADLINE_EXCEEDED, {}), timers);
        return;
      }
      const { list: sent, previousAttempts } = forwarded;
      const extra = ["traceparent", continueTrace(forwarded.traceparent, random), ...forwarded.changing];
      new RelayedCall(deps, { stream, headers, end, route, sent, extra, previousAttempts }).open();
    },
    forget: (address) => upstreams.forget(address),
    drain(reason) {
      endless.interrupt(reason);
      timers.after(STREAM_GRACE_MS, () => streams.interrupt(reason));
    },
    close: () => upstreams.close(),
  };
};
