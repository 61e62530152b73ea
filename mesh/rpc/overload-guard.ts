import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { fail } from "../contract/fail.ts";
import { methodOptions } from "../contract/options.ts";
import type { Caller } from "../identity/caller.ts";
import { callerName } from "../identity/caller-name.ts";
import type { Logger } from "../observe/index.ts";
import {
  Admission,
  type AdmissionState,
  type Claim,
  higherPriority,
  type Priority,
  PUSHBACK,
  parsePriority,
  RETRY_DELAY_MS,
  TOLD_EVERY_MS,
} from "../policy/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { HeaderList } from "../wire/index.ts";
import { PRIORITY_HEADER } from "./priority-header.ts";
import { keepAnswer } from "./respond-error.ts";

/** Sheds calls when the process has more to do than it can: before they are read, and without a line for each. */
export interface OverloadGuard {
  /** All the calls of a method that come with one list of headers from one peer. `caller`: who makes them, as of now. */
  enter(method: DescMethod, headers: HeaderList, peer: string, caller: () => Caller): GuardedCalls;
  /** For operators. */
  describe(): AdmissionState;
}

export interface GuardedCalls {
  /** The contract's, or that of the call which they are made for, where it is higher and a service says so. */
  readonly priority: Priority;
  /** RESOURCE_EXHAUSTED `OVERLOADED`, which sheds a call; undefined lets it begin. To be asked once for each call. */
  check(): ConnectError | undefined;
}

export const createOverloadGuard = ({
  clock,
  timers,
  random,
  log,
}: Pick<Runtime, "clock" | "timers" | "random"> & { readonly log: Logger }): OverloadGuard => {
  const admission = new Admission({ clock, timers, random });
  let told = admission.describe().shed;
  let isTelling = false;

  /** A line a second for as long as something is shed: one for each would be work again. */
  const tell = (): void => {
    isTelling = false;
    const { shed, limit, turnMs, callers } = admission.describe();
    const since = { low: shed.low - told.low, normal: shed.normal - told.normal, high: shed.high - told.high };
    told = shed;
    log.warn(
      { shed: since, limit, turnMs: Math.round(turnMs), callers },
      "calls were shed: there are more than can be answered",
    );
  };

  const refusal = (method: DescMethod): ConnectError => {
    if (!isTelling) {
      isTelling = true;
      timers.after(TOLD_EVERY_MS, tell);
    }
    const errors = refusalsOf(method);
    return errors[random.below(errors.length)] as ConnectError;
  };

  return {
    enter(method, headers, peer, caller) {
      const priority = priorityOf(method, headers, caller);
      const claim: Claim = { priority, caller: () => callerName(caller(), peer) };
      return { priority, check: () => (admission.admit(claim) ? undefined : refusal(method)) };
    },
    describe: () => admission.describe(),
  };
};

/** Nobody but a service of the mesh, which has proven that it is one, can make its calls more urgent than their contract does. */
const priorityOf = (method: DescMethod, headers: HeaderList, caller: () => Caller): Priority => {
  const { priority } = methodOptions(method);
  const asked = headers.get(PRIORITY_HEADER);
  if (asked === undefined || caller().service === undefined) return priority;
  return higherPriority(priority, parsePriority(asked) ?? priority);
};

/** Callers that are shed in one moment come back in different ones. */
const refusalsOf = (method: DescMethod): readonly ConnectError[] => {
  let errors = refusals.get(method);
  if (errors === undefined) {
    const { OVERLOADED } = commonReasons(method.parent.file.proto.package);
    errors = Array.from({ length: DELAYS }, (_, index) => {
      const retryDelayMs = Math.round(RETRY_DELAY_MS * (0.5 + (index + 0.5) / DELAYS));
      const error = fail(OVERLOADED, {}, { retryDelayMs });
      // What gRPC's own clients go by, where they may try again (gRFC A6).
      error.metadata.set(PUSHBACK, String(retryDelayMs));
      return keepAnswer(error);
    });
    refusals.set(method, errors);
  }
  return errors;
};

/** Times that callers are told to wait: so few that each answer finds its place in the table of a connection's headers. */
const DELAYS = 8;

const refusals = new WeakMap<DescMethod, readonly ConnectError[]>();
