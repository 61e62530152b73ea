import { flushCompileCache } from "node:module";
import process from "node:process";
import type { Transport } from "@connectrpc/connect";
import { type Refusal, registerWithAll } from "../discovery/index.ts";
import { workloadFields } from "../identity/index.ts";
import { createLog, type Logger } from "../observe/index.ts";
import { type ClientIdentity, grpcTransport, withPolicies } from "../rpc/index.ts";
import { type Runtime, StartError, systemRuntime } from "../runtime/index.ts";
import { ConfigError, MESH_VARIABLES, type MeshConfig, parseConfig } from "./config.ts";
import type { ServiceDefinition } from "./define-service.ts";
import { readIdentityKey } from "./open-access.ts";
import { EXIT_FAILED, EXIT_USAGE, endProcessOn, type ProcessEnd } from "./process-end.ts";
import { type RunningService, type StartDeps, startService } from "./start-service.ts";
import { wayToOthers } from "./way-to-others.ts";

/**
 * Runs one service as this process: reads the environment, opens and migrates the store, listens, registers with the gateway,
 * and serves until SIGTERM or SIGINT, after which running calls finish. A second signal ends it at once.
 *
 * Exit codes: 0 drained, 1 failed or calls were cut, 2 cannot start before somebody mends the environment or the data.
 */
export const run = async (definition: ServiceDefinition): Promise<void> => {
  const runtime = systemRuntime();
  const startMs = runtime.clock.monotonicMs();
  const config = configOrExit([definition], process.env);
  const log = createLog({ service: definition.name, level: config.HEDDLE_LOG_LEVEL, ...runtime });
  const end = endProcessOn(log, definition.name);
  try {
    const instanceId = runtime.ids.next("ins");
    const identity = clientIdentity({ definition, instanceId }, config, runtime);
    const others = wayToOthers({ definition, instanceId, config, identity, runtime, log });
    const isGateway = definition.role === "gateway";
    const running = await startService(definition, {
      instanceId,
      env: process.env,
      runtime,
      log,
      transportFor: policed(others.transportFor, runtime),
      neighbours: new Map(),
      replicaAt: (address) => grpcTransport(`http://${address}`, runtime, config.HEDDLE_WIRE, identity),
      listenOn: isGateway
        ? { host: config.HEDDLE_HOST, port: config.HEDDLE_PORT, fd: config.HEDDLE_LISTEN_FD }
        : { host: config.HEDDLE_HOST, port: 0 },
      onFatal: (error) => end.now(EXIT_FAILED, error, "the store failed"),
    });
    const asked = running.keys.ask();
    const isEnforced = config.HEDDLE_ACCESS === "enforced" && !isGateway;
    // Callers with tokens come with the registration.
    if (isEnforced) await Promise.race([asked, runtime.timers.sleep(FIRST_KEYS_MS)]);
    const registration = isGateway
      ? undefined
      : registerWithAll(others.gateways, {
          instance: { ...running, locality: config.HEDDLE_LOCALITY },
          runtime,
          log,
          onRefused: tellRefusal(running),
        });
    others.start();
    end.onSignal(async () => {
      // First, so that the gateway sends nothing more here that would have to be refused.
      await registration?.leave();
      // Those who call directly hear of it from the registry in their turn, and are answered until they have.
      if (registration !== undefined) await runtime.timers.sleep(LEAVE_NEWS_MS);
      const code = await stopAll([running], config, log);
      await others.stop();
      return code;
    });
    await registration?.registered;
    if (isEnforced) await Promise.race([running.keys.known, runtime.timers.sleep(KEYS_WAIT_MS)]);
    answerCounts(running);
    answerPings(running);
    announce(running, runtime, startMs, log);
  } catch (error) {
    failStart(error, config, end);
  }
};

/** Each way with what contracts allow. Kept, since what is learned of a service must not be forgotten with a client. */
const policed = (transportFor: StartDeps["transportFor"], runtime: Runtime): StartDeps["transportFor"] => {
  const ways = new Map<string, Transport>();
  return (service, of) => {
    const key = `${service.typeName} ${of ?? ""}`;
    const known = ways.get(key) ?? withPolicies(transportFor(service, of), runtime);
    ways.set(key, known);
    return known;
  };
};

/** Milliseconds that a start waits for auth's keys before it registers: one that is there answers within a few. */
const FIRST_KEYS_MS = 200;
/** Milliseconds that it waits for an auth that starts at the same time, before it calls itself ready; others go on without. */
const KEYS_WAIT_MS = 3_000;

/** Milliseconds between the leave and the GOAWAY, in which the news reaches those who watch the registry. */
const LEAVE_NEWS_MS = 100;

/** What a service says of itself with its calls. */
export const clientIdentity = (
  { definition, instanceId }: { readonly definition: ServiceDefinition; readonly instanceId: string },
  config: MeshConfig,
  { clock }: Runtime,
): ClientIdentity => {
  const { name, version } = definition;
  const key = readIdentityKey(config);
  const credentials = key && workloadFields({ service: name, instanceId }, key, clock);
  return { consumer: `${name}/${version}`, credentials };
};

/**
 * Ends a process whose start failed: by exit code 2, and without a stack, where what is wrong can be named and no further start
 * can mend it, else by 1.
 */
export const failStart = (error: unknown, config: MeshConfig, end: ProcessEnd): never => {
  if (error instanceof StartError) return end.now(EXIT_USAGE, undefined, error.message);
  if (!(error instanceof ConfigError)) return end.now(EXIT_FAILED, error, startFailure(error, config));
  process.stderr.write(`${error.message}\n`);
  return end.now(EXIT_USAGE, error, "the environment is not right");
};

/** The parsed environment; ends the process with one line per wrong variable where it is wrong. */
export const configOrExit = (definitions: readonly ServiceDefinition[], env: NodeJS.ProcessEnv): MeshConfig => {
  try {
    const variables = Object.assign({}, MESH_VARIABLES, ...definitions.map(({ config }) => config));
    return parseConfig(env, variables) as MeshConfig;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(EXIT_USAGE);
  }
};

/** Ends services in order; resolves to the exit code that says how it went. */
export const stopAll = async (
  services: readonly RunningService[],
  config: MeshConfig,
  log: Logger,
): Promise<number> => {
  let cut = 0;
  // Before the first goes: services of one process follow each other, and would come back to one that waits for them to leave.
  await Promise.all(services.map((service) => service.stopEvents()));
  for (const service of services) cut += await service.stop(config.HEDDLE_DRAIN_MS);
  if (cut > 0) log.warn({ calls: cut, drainMs: config.HEDDLE_DRAIN_MS }, "calls were cut at the end of the drain");
  else log.info("stopped; every call was finished");
  return cut > 0 ? EXIT_FAILED : 0;
};

/** Says in the log, and to a supervisor that listens, that a service can be called. */
export const announce = (running: RunningService, runtime: Runtime, startMs: number, log: Logger): void => {
  const { instanceId, address, definition } = running;
  const tookMs = Math.round(runtime.clock.monotonicMs() - startMs);
  log.info({ address, instanceId, version: definition.version, startMs: tookMs }, "ready");
  // Written now, because a process that is killed writes nothing at its end.
  flushCompileCache();
  tellSupervisor({
    type: "ready",
    service: definition.name,
    version: definition.version,
    instanceId,
    address,
    startMs: tookMs,
  });
};

/** One that is gone is no error: its end is told of otherwise. */
const tellSupervisor = (message: object): void => {
  process.send?.(message, undefined, undefined, () => undefined);
};

/** Tells a supervisor that asks how the calls have ended, so that it can judge a version by them. */
const answerCounts = ({ definition, server }: RunningService): void => {
  process.on("message", (message: { readonly type?: unknown } | null) => {
    if (message?.type === "count") tellSupervisor({ type: "counts", service: definition.name, ...server.counts() });
  });
};

/** Gives a supervisor that asks a sign of life, in the name of one service of the process. */
export const answerPings = ({ definition }: RunningService): void => {
  process.on("message", (message: { readonly type?: unknown } | null) => {
    if (message?.type === "ping") tellSupervisor({ type: "pong", service: definition.name });
  });
};

/** Tells a supervisor that listens why a service cannot be called. */
export const tellRefusal =
  ({ definition, instanceId }: RunningService) =>
  (refusal: Refusal): void => {
    tellSupervisor({
      type: "refused",
      service: definition.name,
      version: definition.version,
      instanceId,
      refusal,
    });
  };

/** What a failed start is called in the log, with the next step where we know it. */
const startFailure = (error: unknown, config: MeshConfig): string => {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "EADDRINUSE") {
    return `port ${config.HEDDLE_PORT} is taken: stop what listens there, or choose another with HEDDLE_PORT (heddle up --port)`;
  }
  if (code === "EACCES") return "no permission: check the owner of the data folder and use a port above 1023";
  return "start failed";
};
