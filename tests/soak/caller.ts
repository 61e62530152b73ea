import type { DescMessage, DescMethodUnary, JsonObject, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import type { Clock, Random, Timers } from "@heddle/mesh/runtime";
import { type LedgerWriter, methodName } from "./ledger.ts";

/** How a request ended for its client. */
export type Outcome<O extends DescMessage> =
  | { readonly kind: "acknowledged"; readonly answer: MessageShape<O> }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "unknown" };

export interface CallOptions {
  /** The client goes away after so many milliseconds, and does not come back. */
  readonly abandonAfterMs?: number;
  /** Only the first so many milliseconds after the call's begin are used for further attempts. */
  readonly patienceMs?: number;
}

/** A client as it should be: it writes down all it does, and repeats what was not answered under the same request id. */
export interface Caller {
  /** `id` names the request in the ledger; a second call with the same id repeats the first. */
  call<I extends DescMessage, O extends DescMessage>(
    id: string,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<Outcome<O>>;
}

/** Milliseconds that one attempt may take: less than a stopped service may be stopped for, so that some are repeated. */
const ATTEMPT_MS_MAX = 6_000;
const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 1_000;
/** Milliseconds after which a client gives up on a request: longer than the mesh takes to come back after all the chaos. */
const PATIENCE_MS = 120_000;

/** Answers that leave open whether the request took effect, or that say that it did not and may later. */
const AGAIN: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Canceled,
  Code.Internal,
  Code.Unknown,
]);

export const createCaller = (deps: {
  transport: Transport;
  ledger: LedgerWriter;
  clock: Clock;
  timers: Timers;
  random: Random;
}): Caller => {
  const { transport, ledger, clock, timers, random } = deps;

  const attempt = async <I extends DescMessage, O extends DescMessage>(
    id: string,
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    abandonAfterMs: number | undefined,
  ): Promise<Outcome<O> | "again"> => {
    const note = { call: id, atMs: clock.nowMs() };
    await ledger.write({ ...note, kind: "sent", method: methodName(method), request: written(method.input, request) });
    const leaving = new AbortController();
    const leave = abandonAfterMs === undefined ? undefined : timers.after(abandonAfterMs, () => leaving.abort());
    try {
      const input = request as MessageInitShape<I>;
      const { message } = await transport.unary(method, leaving.signal, ATTEMPT_MS_MAX, undefined, input);
      await ledger.write({ ...note, kind: "acknowledged", answer: written(method.output, message) });
      return { kind: "acknowledged", answer: message };
    } catch (error) {
      const { code, rawMessage: message, findDetails } = asConnectError(error);
      if (leaving.signal.aborted) {
        await ledger.write({ ...note, kind: "abandoned" });
        return { kind: "unknown" };
      }
      const reason = findDetails()?.reason ?? "";
      if (AGAIN.has(code)) {
        await ledger.write({ ...note, kind: "unanswered", code: Code[code], message });
        return "again";
      }
      await ledger.write({ ...note, kind: "refused", code: Code[code], reason, message });
      return { kind: "refused", reason };
    } finally {
      leave?.cancel();
    }
  };

  return {
    async call(id, method, init, { abandonAfterMs, patienceMs = PATIENCE_MS } = {}) {
      const request = create(method.input, init);
      const endMs = clock.monotonicMs() + patienceMs;
      for (let backoffMs = BACKOFF_MS_MIN; clock.monotonicMs() < endMs; ) {
        const outcome = await attempt(id, method, request, abandonAfterMs);
        if (outcome !== "again") return outcome;
        await timers.sleep(backoffMs * (0.5 + random.below(1_000) / 2_000));
        backoffMs = Math.min(2 * backoffMs, BACKOFF_MS_MAX);
      }
      return { kind: "unknown" };
    },
  };
};

/** A message as the ledger keeps it: never with a social security number or a password. */
const written = <D extends DescMessage>(desc: D, message: MessageShape<D>): JsonObject => {
  const { number: _number, password: _password, ...json } = toJson(desc, message) as JsonObject;
  return json;
};

const asConnectError = (error: unknown) => {
  const connectError = ConnectError.from(error);
  const { code, rawMessage } = connectError;
  return { code, rawMessage, findDetails: () => connectError.findDetails(ErrorInfoSchema)[0] };
};
