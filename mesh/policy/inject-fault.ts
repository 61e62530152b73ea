import { Code, type ConnectError, type Transport } from "@connectrpc/connect";
import { commonReasons } from "../contract/common-reasons.ts";
import { fail, reasons } from "../contract/fail.ts";
import type { Timers } from "../runtime/index.ts";
import type { InjectedFault } from "./traffic-rules.ts";

const DOMAIN = "heddle.traffic.v1";

const FAULT_INJECTED = reasons(DOMAIN)(
  "FAULT_INJECTED",
  // Each fault has its own.
  Code.Unavailable,
  "The call fails on purpose: rule {ruleId} injects a fault. heddle fault list shows it.",
);

/** What a call fails with on purpose; undefined where it goes on after its delay. */
export const injectedError = ({ ruleId, abort }: InjectedFault): ConnectError | undefined =>
  abort === undefined ? undefined : fail({ ...FAULT_INJECTED, code: abort }, { ruleId });

/** What a call fails with whose time was up while it was held on purpose. */
export const heldTooLong = (): ConnectError => fail(commonReasons(DOMAIN).DEADLINE_EXCEEDED, {});

/** The transport with each call befallen by the fault: held, then failed, or sent with what is left of its time. */
export const faultyTransport = (transport: Transport, fault: InjectedFault, timers: Timers): Transport => {
  /** Resolves to the milliseconds that are left, when the call may go on. */
  const befall = async (
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ): Promise<number | undefined> => {
    const isCut = timeoutMs !== undefined && timeoutMs > 0 && timeoutMs <= fault.delayMs;
    if (fault.delayMs > 0) await timers.sleep(isCut ? timeoutMs : fault.delayMs, signal);
    if (isCut) throw heldTooLong();
    const error = injectedError(fault);
    if (error !== undefined) throw error;
    return timeoutMs === undefined || timeoutMs <= 0 ? timeoutMs : timeoutMs - fault.delayMs;
  };
  return {
    async unary(method, signal, timeoutMs, ...rest) {
      return transport.unary(method, signal, await befall(signal, timeoutMs), ...rest);
    },
    async stream(method, signal, timeoutMs, ...rest) {
      return transport.stream(method, signal, await befall(signal, timeoutMs), ...rest);
    },
  };
};
