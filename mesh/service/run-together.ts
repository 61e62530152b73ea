import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { type Registration, register } from "../discovery/index.ts";
import { createLog } from "../observe/index.ts";
import {
  addressedTo,
  type ClientIdentity,
  grpcTransport,
  memoryTransport,
  type RpcServer,
  withPolicies,
} from "../rpc/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { createUsageReporter, type UsageReporter } from "../usage/index.ts";
import type { ServiceDefinition } from "./define-service.ts";
import { EXIT_FAILED, endProcessOn } from "./process-end.ts";
import { announce, answerPings, clientIdentity, configOrExit, failStart, stopAll, tellRefusal } from "./run.ts";
import { type RunningService, startService } from "./start-service.ts";

/**
 * Runs the gateway and services as this one process: the gateway's port is the only socket, and calls between services stay
 * in memory. Everything else is as with `run`, each service on its own database.
 */
export const runTogether = async (definitions: readonly ServiceDefinition[], env: NodeJS.ProcessEnv): Promise<void> => {
  const runtime = systemRuntime();
  const startMs = runtime.clock.monotonicMs();
  const config = configOrExit(definitions, env);
  const logOf = (service: string) => createLog({ service, level: config.HEDDLE_LOG_LEVEL, ...runtime });
  const log = logOf("heddle");
  const end = endProcessOn(log, "heddle");
  const neighbours = new Map<string, RpcServer>();
  const running: RunningService[] = [];
  const registrations = new Map<RunningService, Registration>();
  const reporters: UsageReporter[] = [];
  end.onSignal(async () => {
    await Promise.all([...registrations.values()].map((registration) => registration.leave()));
    await Promise.all(reporters.map((reporter) => reporter.stop()));
    // The gateway, which started first, goes last: until then it answers for those that have gone.
    return stopAll(running.toReversed(), config, log);
  });
  try {
    for (const definition of gatewayFirst(definitions)) {
      const isGateway = definition.role === "gateway";
      const instanceId = runtime.ids.next("ins");
      const identity = clientIdentity({ definition, instanceId }, config, runtime);
      const reporter = createUsageReporter({ consumer: definition, ...runtime, log: logOf(definition.name) });
      const service = await startService(definition, {
        instanceId,
        env,
        runtime,
        log: logOf(definition.name),
        transportFor: neighbourly(running, runtime, identity, reporter),
        neighbours,
        replicaAt: (address) => grpcTransport(`http://${address}`, runtime, config.HEDDLE_WIRE, identity),
        listenOn: isGateway ? { host: config.HEDDLE_HOST, port: config.HEDDLE_PORT } : undefined,
        onFatal: (error) => end.now(EXIT_FAILED, error, `the store of ${definition.name} failed`),
      });
      running.push(service);
      const gateway = running[0]?.server;
      if (!isGateway && gateway !== undefined) {
        const transport = memoryTransport(gateway, runtime, identity);
        const log = logOf(definition.name);
        const onRefused = tellRefusal(service);
        registrations.set(
          service,
          register({ instance: { ...service, locality: config.HEDDLE_LOCALITY }, transport, runtime, log, onRefused }),
        );
        reporter.start(service.instanceId, transport);
        reporters.push(reporter);
      }
    }
    await Promise.all(running.map(({ keys }) => keys.ask()));
    const [first] = running;
    if (first !== undefined) answerPings(first);
    for (const service of running) {
      // One that is refused must not keep the others from being called. The gateway does not register.
      const registered = registrations.get(service)?.registered ?? Promise.resolve();
      void registered.then(() => announce(service, runtime, startMs, logOf(service.definition.name)));
    }
  } catch (error) {
    failStart(error, config, end);
  }
};

const gatewayFirst = (definitions: readonly ServiceDefinition[]): ServiceDefinition[] =>
  definitions.toSorted((a, b) => Number(b.role === "gateway") - Number(a.role === "gateway"));

/**
 * Finds a service among those of this process, at each call: a service may start after the one that calls it. Calls between them do
 * not pass the gateway, so they are counted here.
 */
const neighbourly = (
  running: readonly RunningService[],
  runtime: ReturnType<typeof systemRuntime>,
  identity: ClientIdentity,
  reporter: UsageReporter,
) => {
  const transports = new Map<RunningService, Transport>();
  const open = (target: RunningService): Transport => {
    const transport = withPolicies(memoryTransport(target.server, runtime, identity), runtime);
    // The gateway counts what passes it by itself.
    return target === running[0] ? transport : reporter.counting(transport);
  };
  const find = (service: DescService, of: string | undefined): Transport => {
    const owner = running.find(
      ({ definition, services }) =>
        (of === undefined || definition.name === of) && services.some(({ typeName }) => typeName === service.typeName),
    );
    // Not here, or not yet: the gateway says so in the usual words.
    const target = owner ?? running[0];
    if (target === undefined) throw new Error("nothing runs yet");
    const known = transports.get(target) ?? open(target);
    transports.set(target, known);
    return owner === undefined && of !== undefined ? addressedTo(known, of) : known;
  };
  return (service: DescService, of?: string): Transport => ({
    unary: (...call) => find(service, of).unary(...call),
    stream: (...call) => find(service, of).stream(...call),
  });
};
