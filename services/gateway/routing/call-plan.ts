import type { DescMethod } from "@bufbuild/protobuf";
import type { HeaderList } from "@heddle/mesh/wire";
import type { Edge, Passage } from "../edge/edge.ts";
import type { ForwardedHeaders } from "../relay/forwarded-headers.ts";
import type { Sharing } from "../replies/sharing.ts";
import type { CallTraffic } from "../traffic/traffic.ts";
import type { MethodRoute } from "./method-route.ts";

/** What the gateway has found out about a header list: a caller that sends the same headers again costs no second look. */
export class CallPlan {
  /** Where its path leads, as of `contractsVersion`. */
  method: MethodRoute | undefined = undefined;
  contractsVersion = -1;
  /** Milliseconds that an instance may stay silent; undefined: for ever. */
  timeoutMs: number | undefined = undefined;
  /** What each of its calls goes through before it is carried. */
  passage: Passage | undefined = undefined;
  /** The method that `passage` is for. */
  passageOf: DescMethod | undefined = undefined;
  /** How its replies are shared with others; null: they are not; undefined: nobody has looked. */
  sharing: Sharing | null | undefined = undefined;
  /** No web page of another origin makes its calls: found out once. */
  isFromProgram = false;
  /** It speaks gRPC, as every instance does. */
  isRelayed = true;
  /** Its calls were sent before; undefined: nobody has looked. */
  isAgain: boolean | undefined = undefined;
  forwarded: ForwardedHeaders | undefined = undefined;
  /** What traffic rules say of its calls, as of `trafficVersion`; undefined: nothing. */
  traffic: CallTraffic | undefined = undefined;
  trafficVersion = -1;
}

/** The plan that a header list carries; a new one where it carries none. */
export const planOf = (headers: HeaderList): CallPlan => {
  const { memo } = headers;
  if (memo instanceof CallPlan) return memo;
  const plan = new CallPlan();
  headers.memo = plan;
  return plan;
};

/** What each call of `method` with these headers goes through at the edge, whatever protocol it speaks: prepared once per list. */
export const passageOf = (
  edge: Edge,
  call: { readonly method: DescMethod; readonly headers: HeaderList; readonly peer: string },
): Passage => {
  const plan = planOf(call.headers);
  if (plan.passage !== undefined && plan.passageOf === call.method) return plan.passage;
  const passage = edge.prepare(call);
  plan.passage = passage;
  plan.passageOf = call.method;
  return passage;
};
