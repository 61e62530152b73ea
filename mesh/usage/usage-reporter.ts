import { create, type DescMessage, type DescMethod, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { type ReportUsageRequest, ReportUsageRequestSchema, UsageService } from "@heddle/contracts/heddle/usage/v1";
import { methodName } from "../contract/method-name.ts";
import type { Logger } from "../observe/index.ts";
import type { Timer, Timers } from "../runtime/index.ts";
import { DRAIN_PERIOD_MS } from "./limits.ts";
import { createUsageTally } from "./usage-tally.ts";

/** Counts the calls of one service that do not pass the gateway, and tells the gateway of them. */
export interface UsageReporter {
  /** Counts a call, with its request where that is one message. */
  count(method: DescMethod, request: MessageInitShape<DescMessage> | undefined): void;
  /** The transport with its calls counted. */
  counting(transport: Transport): Transport;
  /** Begins to report, every few seconds in which something was counted. `gateway`: where to. */
  start(instanceId: string, gateway: Transport): void;
  /** Reports what is left, once. */
  stop(): Promise<void>;
}

/** Methods that one report tells of, as the contract has it; what is left goes into the next. */
const METHODS_MAX = 1_000;
/** Methods that wait to be reported while the gateway is away; those beyond are counted no more. */
const WAITING_MAX = 10_000;
const REPORT_TIMEOUT_MS = 5_000;

export const createUsageReporter = ({
  consumer,
  timers,
  log,
}: {
  consumer: { readonly name: string; readonly version: string };
  timers: Timers;
  log: Logger;
}): UsageReporter => {
  const tally = createUsageTally<typeof consumer>({ other: consumer });
  let waiting: ReportUsageRequest["calls"] = [];
  /** Sent again, as it is, until it is known to be counted. */
  let report: ReportUsageRequest | undefined;
  let sequence = 0n;
  let to: { readonly instanceId: string; readonly client: ReturnType<typeof clientOf> } | undefined;
  let timer: Timer | undefined;
  let isSending = false;

  const send = async (): Promise<void> => {
    if (to === undefined || isSending) return;
    isSending = true;
    try {
      collect();
      while (report !== undefined || waiting.length > 0) {
        report ??= nextReport(to.instanceId);
        await to.client.reportUsage(report, { timeoutMs: REPORT_TIMEOUT_MS });
        report = undefined;
      }
    } catch (error) {
      const { code } = ConnectError.from(error);
      const isFinal = code === Code.InvalidArgument || code === Code.PermissionDenied;
      if (isFinal) report = undefined;
      log[isFinal ? "warn" : "debug"](
        { err: error },
        isFinal ? "counted calls were refused" : "calls are reported later",
      );
    } finally {
      isSending = false;
    }
  };
  const collect = () => {
    const counted = tally.drain().map(({ method, calls, samples, fields }) => ({
      $typeName: "heddle.usage.v1.ReportedCalls" as const,
      method: methodName(method),
      calls: BigInt(calls),
      samples: BigInt(samples),
      fields: [...fields].map(([{ message, number }, times]) => ({
        $typeName: "heddle.usage.v1.ReportedField" as const,
        message,
        number,
        samplesWithField: BigInt(times),
      })),
    }));
    waiting = [...waiting, ...counted].slice(0, WAITING_MAX);
  };
  const nextReport = (instanceId: string): ReportUsageRequest => {
    const calls = waiting.slice(0, METHODS_MAX);
    waiting = waiting.slice(METHODS_MAX);
    sequence++;
    const { name: consumerName, version: consumerVersion } = consumer;
    return create(ReportUsageRequestSchema, { instanceId, sequence, consumerName, consumerVersion, calls });
  };
  const count = (method: DescMethod, request: MessageInitShape<DescMessage> | undefined) => {
    const counter = tally.counterOf(method, consumer);
    counter.count();
    if (request === undefined || !counter.isDue) return;
    try {
      counter.look(toBinary(method.input, create(method.input, request)));
    } catch {
      // The call itself says what is wrong with its message.
    }
  };

  return {
    count,
    counting: (transport) => ({
      unary(method, signal, timeoutMs, header, input, values) {
        count(method, input);
        return transport.unary(method, signal, timeoutMs, header, input, values);
      },
      stream(method, ...call) {
        count(method, undefined);
        return transport.stream(method, ...call);
      },
    }),
    start(instanceId, gateway) {
      to = { instanceId, client: clientOf(gateway) };
      timer = timers.every(DRAIN_PERIOD_MS, () => void send());
    },
    async stop() {
      timer?.cancel();
      await send();
    },
  };
};

const clientOf = (transport: Transport) => createClient(UsageService, transport);
