import { socketNetwork, systemClock, systemRandom, systemTimers } from "@heddle/mesh/runtime";
import { ConfigError, MESH_VARIABLES, parseConfig } from "@heddle/mesh/service/config";
import { Command, Option } from "commander";
import { type DataFolder, dataFolder, unusableFolder } from "../data-folder.ts";
import { startDetached } from "../detached.ts";
import { EXIT } from "../exit-code.ts";
import { Failure, usageFailure } from "../failure.ts";
import { identityKeyFile } from "../identity-key.ts";
import { endLeftovers } from "../leftovers.ts";
import { openLogFile } from "../log-file.ts";
import { dataOption, timeoutOption } from "../mesh-options.ts";
import { oneProgram, type ProgramOf, programsAtStart, programsOf } from "../mesh-programs.ts";
import { identify } from "../process-info.ts";
import { parseReplicaCounts } from "../replica-counts.ts";
import { type ControlDoor, openControlDoor } from "../rollout/control-door.ts";
import { controlHandler } from "../rollout/control-handler.ts";
import { createFleet } from "../rollout/fleet.ts";
import { type HeldPort, holdPort } from "../rollout/held-port.ts";
import { chosenServices, GATEWAY } from "../services.ts";
import {
  claimStateFile,
  failedServices,
  MeshRuns,
  type MeshState,
  meshRunsFailure,
  refusedServices,
  type ServiceState,
  serviceNames,
  writeState,
} from "../state-file.ts";
import { createSupervisor, type Supervisor } from "../supervisor.ts";
import { fileTerminal, processTerminal, type Terminal } from "../terminal.ts";
import { upReporter } from "../up-reporter.ts";

interface UpOptions {
  readonly port?: string;
  readonly data?: string;
  readonly detach?: boolean;
  readonly singleProcess?: boolean;
  readonly replicas?: string[];
  readonly timeout: number;
  readonly output?: string;
}

/** `heddle up`: starts the mesh, or some of its services, and keeps them running. */
export const upCommand = (): Command =>
  new Command("up")
    .description("Start the mesh, and keep it running until heddle down or Ctrl-C.")
    .argument("[services...]", "services to start; all by default")
    .option("--port <port>", "the gateway's port (default: $HEDDLE_PORT, else 8080)")
    .addOption(dataOption())
    .option("--detach", "return when all services are ready, and leave the mesh running")
    .option("--single-process", "all services in one process, with calls between them in memory")
    .option("--replicas <service=count...>", "processes of a service, such as customer=3; kept until heddle scale")
    .addOption(timeoutOption("how long --detach waits for the services", 60_000))
    .addOption(new Option("--output <file>", "where a detached mesh prints").hideHelp())
    .addHelpText(
      "after",
      `
A service that dies is started again, at once at first, then after up to 5 s. Logs go to <data>/.heddle/logs;
warnings and errors are shown here as well. A first Ctrl-C lets running calls finish, a second ends everything.

Examples:
  heddle up
  heddle up --detach --port 9090 --data /tmp/mesh
  heddle up gateway customer
  heddle up --replicas customer=3 order=2
  heddle up --single-process`,
    )
    .action(async (names: string[], options: UpOptions) => {
      const services = await chosenServices(names);
      const folder = dataFolder(options.data);
      const env = environment(options, folder);
      const counts = await parseReplicaCounts(options.replicas ?? []);
      const unwanted = Object.keys(counts).find((name) => !services.includes(name) || name === GATEWAY);
      if (options.singleProcess && options.replicas) throw usageFailure("A single process has no replicas.");
      if (unwanted !== undefined) throw usageFailure(`${unwanted} can have no replicas here.`);
      if (options.detach) {
        await startDetached(process.argv.slice(2), folder, options.timeout);
        return;
      }
      const terminal = options.output === undefined ? processTerminal() : fileTerminal(openLogFile(options.output));
      process.exitCode = await supervise(services, options.singleProcess === true, counts, folder, env, terminal);
    });

/** The environment of the services: what the options say goes before what it held. */
const environment = (options: UpOptions, folder: DataFolder): NodeJS.ProcessEnv => {
  const env = { ...process.env, HEDDLE_DATA: folder.path, ...(options.port && { HEDDLE_PORT: options.port }) };
  try {
    const { HEDDLE_PORT } = parseConfig(env, MESH_VARIABLES);
    if (HEDDLE_PORT === 0) throw usageFailure("A mesh needs a port that others can know.", "Choose one with --port.");
    return env;
  } catch (error) {
    if (error instanceof ConfigError) throw usageFailure(error.message, "heddle config shows what is in force.");
    throw error;
  }
};

/**
 * Milliseconds in which a second signal is still the first: one `timeout` or one Ctrl-C reaches this process as a member of its
 * group, and again through bin/heddle.js, which hands signals on.
 */
const SAME_SIGNAL_MS = 250;

const supervise = async (
  services: string[],
  together: boolean,
  counts: Readonly<Record<string, number>>,
  folder: DataFolder,
  given: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<number> => {
  const config = parseConfig(given, MESH_VARIABLES);
  let state: MeshState = {
    version: 1,
    supervisor: identify(process.pid),
    mode: together ? "single-process" : "processes",
    phase: "starting",
    port: config.HEDDLE_PORT,
    gateway: config.HEDDLE_GATEWAY[0],
    startMs: systemClock.nowMs(),
    services: [],
  };
  await endLeftovers(claim(folder, state), { clock: systemClock, timers: systemTimers, say: terminal.err });
  const change = (next: Partial<MeshState>) => {
    state = { ...state, ...next };
    try {
      writeState(folder.stateFile, state);
    } catch (error) {
      // A full disk, say: the mesh goes on, and the next change is another chance.
      terminal.err(`${folder.stateFile} could not be written: ${(error as Error).message}`);
    }
  };
  const env = { ...given, HEDDLE_IDENTITY_KEY_FILE: identityKeyFile(folder, given, systemRandom) };
  let port: HeldPort | undefined;
  if (services.includes(GATEWAY)) {
    await checkPortFree(config.HEDDLE_HOST, config.HEDDLE_PORT, change);
    if (!together) port = holdPort({ host: config.HEDDLE_HOST, port: config.HEDDLE_PORT });
  }
  const startMs = systemClock.monotonicMs();
  const programOf = programsOf(folder, env, port);
  const supervisor = createSupervisor({
    programs: together ? [oneProgram(services, env)] : programsAtStart(folder, services, counts, programOf),
    clock: systemClock,
    timers: systemTimers,
    openLog: ({ name }) => openLogFile(folder.logFile(name)),
    onEvent: upReporter(terminal),
    onChange: (changed: readonly ServiceState[]) => change({ services: changed }),
    // Longer than the services' own drain, so that they are the ones to cut what runs too long.
    drainMs: config.HEDDLE_DRAIN_MS + 5_000,
    hangMs: config.HEDDLE_HANG_MS,
  });

  const door = together ? undefined : await openDoor(folder, services, supervisor, programOf, terminal);
  const stopped = Promise.withResolvers<boolean>();
  let firstSignalMs: number | undefined;
  const onSignal = () => {
    if (firstSignalMs !== undefined) {
      if (systemClock.monotonicMs() - firstSignalMs > SAME_SIGNAL_MS) supervisor.kill();
      return;
    }
    firstSignalMs = systemClock.monotonicMs();
    terminal.err("stopping; running calls finish first (again to end at once)");
    change({ phase: "stopping" });
    supervisor.stop().then(stopped.resolve, stopped.reject);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // A terminal that is closed asks for an end, but nobody is there to ask twice.
  process.on("SIGHUP", () => firstSignalMs ?? onSignal());

  // Timers keep no process alive, and while a service waits for its next start there may be nothing else.
  const awake = new AbortController();
  const stayAwake = systemTimers.sleep(FOREVER_MS, awake.signal).catch(() => undefined);
  supervisor.start();
  const ready = await supervisor.allReady;
  const readyAfterMs = systemClock.monotonicMs() - startMs;
  const failed = failedServices(state);
  const refused = refusedServices(state);
  if (ready) {
    change({ phase: "running", readyAfterMs });
    terminal.out(
      `${serviceNames(state.services).length} services ready in ${(readyAfterMs / 1000).toFixed(1)} s; gateway ${config.HEDDLE_GATEWAY[0]}`,
    );
    terminal.err(ACCESS_IN_WORDS[config.HEDDLE_ACCESS]);
  } else if (firstSignalMs === undefined && failed.length < services.length && !failed.includes(GATEWAY)) {
    // One that cannot start must not keep the others from their callers.
    change({ phase: "running" });
    if (failed.length > 0)
      terminal.err(`${failed.join(", ")} could not be started: heddle logs ${failed.join(" ")}; the others go on`);
    if (refused.length > 0)
      terminal.err(
        `${refused.join(", ")} refused by the mesh, and tried again: heddle status says why; the others go on`,
      );
  } else if (firstSignalMs === undefined) {
    terminal.err("the mesh could not be started; stopping what runs");
    onSignal();
  }
  await supervisor.ended;
  awake.abort();
  await stayAwake;
  door?.close();
  port?.close();
  // What ended without being asked to has given up.
  const clean = firstSignalMs !== undefined && (await stopped.promise);
  change({ phase: "stopped" });
  return clean && ready ? EXIT.ok : EXIT.failed;
};

const ACCESS_IN_WORDS = {
  local: "access: local, calls from this machine need no credentials; HEDDLE_ACCESS=enforced asks for them",
  enforced: "access: enforced, every call is let in by its contract alone",
} as const;

/** As long as a timer can wait, 24 days; a supervised process is there long before. */
const FOREVER_MS = 2 ** 31 - 1;

/** Opens the door for the other commands; a mesh that cannot have one runs without. */
const openDoor = async (
  folder: DataFolder,
  services: readonly string[],
  supervisor: Supervisor,
  programOf: ProgramOf,
  terminal: Terminal,
): Promise<ControlDoor | undefined> => {
  const fleet = createFleet({ supervisor, clock: systemClock, timers: systemTimers, programOf });
  const handler = controlHandler({ fleet, clock: systemClock, services, folder: folder.rollouts });
  try {
    return await openControlDoor(folder.controlSocket, handler, systemTimers);
  } catch (error) {
    terminal.err(`heddle scale, restart and deploy cannot reach this mesh: ${(error as Error).message}`);
    return undefined;
  }
};

const claim = (folder: DataFolder, state: MeshState): MeshState | undefined => {
  try {
    return claimStateFile(folder.stateFile, state);
  } catch (error) {
    throw error instanceof MeshRuns ? meshRunsFailure(error.state, folder.path) : unusableFolder(folder, error);
  }
};

/** A port that is taken is told before anything is started. */
const checkPortFree = async (host: string, port: number, change: (next: Partial<MeshState>) => void): Promise<void> => {
  try {
    const listener = await socketNetwork.listen({ host, port }, (connection) => connection.destroy());
    await listener.close();
  } catch (error) {
    change({ phase: "stopped" });
    throw new Failure(`Port ${port} on ${host} is not free: ${(error as Error).message}.`, {
      next: "Choose another with --port, or see who holds it with heddle doctor.",
      cause: error,
    });
  }
};
