import type { DescService } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  type Refused,
  type RegisterRequest,
  RegisterRequestSchema,
  RegistryService,
  ServingState,
} from "@heddle/contracts/heddle/registry/v1";
import { type PackageSet, packageSetsOf } from "../contract/descriptor-set.ts";
import { violationLine } from "../contract/refused-contract.ts";
import type { Logger } from "../observe/index.ts";
import type { Runtime, Timer } from "../runtime/index.ts";
import { createReturn } from "./come-back.ts";
import { createOutbound } from "./outbound.ts";

/** What a service tells the registry of itself. */
export interface Offer {
  readonly instanceId: string;
  /** `host:port`. */
  readonly address: string;
  readonly definition: { readonly name: string; readonly version: string };
  readonly services: readonly DescService[];
  /** Where it runs, such as a zone. Default: nobody has said. */
  readonly locality?: string;
}

/** A registration that is kept up: renewed after the registry was away, until `leave`. */
export interface Registration {
  /** Resolves once calls are routed to the instance for the first time. */
  readonly registered: Promise<void>;
  /** Takes the instance off the registry; resolves once no new call is routed to it, or after a second. */
  leave(): Promise<void>;
}

/** Why the registry does not admit an instance. */
export interface Refusal {
  /** In a sentence. */
  readonly message: string;
  /** What would break callers, one line each, such as `order/v1/order.proto: FIELD_SAME_TYPE: …`. */
  readonly violations: readonly string[];
  /** What to do, one way each. */
  readonly nextSteps: readonly string[];
}

/** Milliseconds between tries of an instance that was refused: an operator may let it in, but nobody waits for that by the second. */
const REFUSED_MS_MIN = 1_000;
const REFUSED_MS_MAX = 10_000;
/** Milliseconds that a leave waits for the registry's word. */
const LEAVE_TIMEOUT_MS = 1_000;

/** Registers an instance and keeps the stream, which is its lease, open. */
export const register = (options: {
  instance: Offer;
  transport: Transport;
  runtime: Runtime;
  log: Logger;
  /** Told when the instance is refused, once for each reason in a row. */
  onRefused?: (refusal: Refusal) => void;
}): Registration => {
  const { instance, transport, runtime, log, onRefused = () => undefined } = options;
  const client = createClient(RegistryService, transport);
  const contracts = packageSetsOf(instance.services);
  const leaving = new AbortController();
  const comeBack = createReturn(runtime);
  let refusedMs = REFUSED_MS_MIN;
  /** The refusal that was told last; empty when it was admitted since. */
  let told = "";
  let known: () => void = () => undefined;
  const registered = new Promise<void>((resolve) => {
    known = resolve;
  });
  let endStream: () => void = () => undefined;

  const tell = (refusal: Refusal): void => {
    const { message, violations, nextSteps } = refusal;
    const line = { violations, next: nextSteps };
    const text = JSON.stringify(refusal);
    if (text === told) {
      log.debug(line, message);
      return;
    }
    told = text;
    log.error(line, message);
    onRefused(refusal);
  };

  /** Resolves to whether the instance was refused. */
  const holdLease = async (): Promise<boolean> => {
    let refused = false;
    const outbound = createOutbound<RegisterRequest>();
    endStream = outbound.end;
    const send = (body: RegisterRequest["body"]) => outbound.push(create(RegisterRequestSchema, { body }));
    send({ case: "instance", value: instanceMessage(instance, contracts, runtime) });
    let heartbeat: Timer = { cancel: () => undefined };
    try {
      for await (const { body } of client.register(outbound.messages)) {
        if (body.case === "registered") {
          const everyMs = Number(body.value.heartbeatInterval?.seconds ?? 10n) * 1000;
          heartbeat.cancel();
          heartbeat = runtime.timers.every(everyMs, () => send({ case: "heartbeat", value: heartbeatMessage() }));
        } else if (body.case === "contractsNeeded") {
          for (const contractHash of body.value.contractHashes) {
            const contract = contracts.find(({ hash }) => hash === contractHash);
            if (contract) send({ case: "contract", value: contractMessage(contract) });
          }
        } else if (body.case === "admitted") {
          comeBack.reached();
          refusedMs = REFUSED_MS_MIN;
          told = "";
          known();
          log.info({ packages: body.value.packages }, "registered");
        } else if (body.case === "refused") {
          refused = true;
          tell(refusalOf(body.value));
        }
      }
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (!refused && REFUSALS.has(code)) tell({ message: rawMessage, violations: [], nextSteps: [] });
      else if (!refused) throw error;
      return true;
    } finally {
      heartbeat.cancel();
      outbound.end();
    }
    return refused;
  };

  const keepUp = async (): Promise<void> => {
    while (!leaving.signal.aborted) {
      try {
        if (await holdLease()) {
          await runtime.timers.sleep(refusedMs, leaving.signal).catch(() => undefined);
          refusedMs = Math.min(refusedMs * 2, REFUSED_MS_MAX);
          continue;
        }
      } catch (error) {
        if (leaving.signal.aborted) return;
        const { code, rawMessage } = ConnectError.from(error);
        // A gateway that is not there yet is no news at start, and one that restarts is none at all.
        const level = comeBack.isLong ? "warn" : "debug";
        log[level]({ code: Code[code], reason: rawMessage }, "registry not reached");
      }
      await runtime.timers.sleep(comeBack.nextMs(), leaving.signal).catch(() => undefined);
    }
  };
  const ended = keepUp();

  return {
    registered,
    async leave() {
      leaving.abort();
      // The end of our half is the leave; the registry's end of the stream is its word that it knows.
      endStream();
      const left = new AbortController();
      const timeout = runtime.timers.sleep(LEAVE_TIMEOUT_MS, left.signal).catch(() => undefined);
      await Promise.race([ended, timeout]);
      left.abort();
    },
  };
};

/**
 * Registers an instance with each of several registries. It is registered when the first of them routes calls to it: one that is away
 * must not keep the others waiting.
 */
export const registerWithAll = (
  transports: readonly Transport[],
  options: Omit<Parameters<typeof register>[0], "transport">,
): Registration => {
  const all = transports.map((transport) => register({ ...options, transport }));
  return {
    registered: Promise.race(all.map(({ registered }) => registered)),
    async leave() {
      await Promise.all(all.map((registration) => registration.leave()));
    },
  };
};

/** Errors that say that the instance itself is not right: trying again at once cannot help. */
const REFUSALS: ReadonlySet<Code> = new Set([Code.InvalidArgument, Code.FailedPrecondition, Code.PermissionDenied]);

const refusalOf = ({ violations, nextSteps }: Refused): Refusal => ({
  message: `the registry refuses this contract: it would break callers of ${[...new Set(violations.map((each) => each.package))].join(", ")}`,
  violations: violations.map(violationLine),
  nextSteps,
});

const instanceMessage = (
  { instanceId, definition, address, locality = "" }: Offer,
  contracts: readonly PackageSet[],
  { clock }: Runtime,
) => ({
  $typeName: "heddle.registry.v1.Instance" as const,
  instanceId,
  serviceName: definition.name,
  version: definition.version,
  address,
  packages: contracts.map(({ packageName, services, hash }) => ({
    $typeName: "heddle.registry.v1.PackageOffer" as const,
    name: packageName,
    services: services.map(({ typeName }) => typeName),
    contractHash: hash,
    requires: [],
  })),
  processId: BigInt(process.pid),
  startTime: clock.now(),
  state: ServingState.SERVING,
  locality,
});

const contractMessage = ({ hash, read }: PackageSet) => ({
  $typeName: "heddle.registry.v1.Contract" as const,
  contractHash: hash,
  fileDescriptorSet: read(),
});

const heartbeatMessage = () => ({ $typeName: "heddle.registry.v1.Heartbeat" as const, state: ServingState.SERVING });
