import type { Clock, Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { Carrier } from "../relay/carry.ts";
import { HangGuard } from "../relay/hang-guard.ts";
import { type CallPlan, planOf } from "../routing/call-plan.ts";
import type { MethodRoute } from "../routing/method-route.ts";
import { createReplyCache, type ReplyCache } from "./reply-cache.ts";
import { SharedCall } from "./shared-call.ts";
import { isPlainGrpc, sharingOf } from "./sharing.ts";

/** Milliseconds that an instance gets beyond the deadline, so that it is the one to answer: its error says more. */
export const DEADLINE_GRACE_MS = 500;

/** The calls by gRPC whose replies are shared. */
export interface SharedReplies {
  /** For doors that speak anything else. */
  readonly replies: ReplyCache;
  /** Takes over an exchange of a method that declares `cache`. `end`: the request has no body. */
  answer(
    stream: HttpStream,
    headers: HeaderList,
    end: boolean,
    where: { readonly method: MethodRoute; readonly plan: CallPlan },
  ): void;
}

export const createSharedReplies = ({
  clock,
  timers,
  version,
  carry,
  instanceId,
}: {
  clock: Pick<Clock, "monotonicMs">;
  timers: Timers;
  /** Grows when a contract has changed. */
  version: () => number;
  carry: Carrier;
  /** This gateway's own. */
  instanceId: string;
}): SharedReplies => {
  const replies = createReplyCache({
    clock,
    version,
    carry(stream, sent, method) {
      const plan = planOf(sent);
      // Each who waits has a deadline; the call that they share has the contract's.
      plan.timeoutMs = method.capMs === undefined ? undefined : method.capMs + DEADLINE_GRACE_MS;
      carry(stream, sent, false, { method, plan });
    },
  });
  const shared = { replies, timers, guard: new HangGuard(timers) };
  return {
    replies,
    answer(stream, headers, end, where) {
      const { method, plan } = where;
      if (plan.sharing === undefined) {
        plan.sharing = (isPlainGrpc(headers) ? sharingOf(method, headers, instanceId) : undefined) ?? null;
      }
      const { sharing, timeoutMs } = plan;
      if (sharing === null) {
        carry(stream, headers, end, where);
        return;
      }
      new SharedCall(shared, {
        stream,
        headers,
        method,
        sharing,
        timeoutMs,
        answerFields: plan.passage?.answerFields ?? [],
        sampler: plan.passage?.sampler,
        alone: (isBare) => carry(stream, headers, isBare, where),
      }).open(end);
    },
  };
};
