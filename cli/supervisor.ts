import type { ChildProcess } from "node:child_process";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import { graveLines } from "./grave-lines.ts";
import type { LogFile } from "./log-file.ts";
import type { LogLine } from "./pretty-log.ts";
import { launch, type Program } from "./program.ts";
import type { ServiceState } from "./state-file.ts";
import { type Exit, type ProcessListener, SupervisedProcess } from "./supervised-process.ts";

/** What the supervisor tells while it works. */
export type SupervisorEvent =
  | { readonly type: "ready"; readonly service: ServiceState; readonly readyAfterMs: number }
  | { readonly type: "refused"; readonly service: ServiceState }
  | { readonly type: "died"; readonly program: Program; readonly exit: Exit; readonly restartInMs: number }
  | { readonly type: "gave-up"; readonly program: Program; readonly exit: Exit }
  | {
      readonly type: "stopped";
      readonly program: Program;
      readonly exit: Exit;
      readonly killed: boolean;
      readonly afterMs: number;
    }
  | { readonly type: "grave-line"; readonly line: LogLine };

export interface SupervisorOptions {
  readonly programs: readonly Program[];
  readonly clock: Clock;
  readonly timers: Timers;
  /** Where the output of a program goes. */
  readonly openLog: (program: Program) => LogFile;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** Called after every change, with all services in the order in which they were given. */
  readonly onChange: (services: readonly ServiceState[]) => void;
  /** How long a program may drain before it is killed, in milliseconds. */
  readonly drainMs: number;
  /** How a program becomes a process; for tests. */
  readonly launch?: (program: Program) => ChildProcess;
}

/** Programs that are kept running. */
export interface Supervisor {
  /** Starts the gateway, then the rest at once. */
  start(): void;
  /**
   * Resolves to true when every service was ready, to false when all but some that gave up or were refused were, or a stop came
   * first. One that was refused may be ready later.
   */
  readonly allReady: Promise<boolean>;
  /** Drains the services, then the gateway. Resolves to true when each ended by itself with status 0. */
  stop(): Promise<boolean>;
  /** Kills what still runs, at once. */
  kill(): void;
  /** Resolves when nothing runs any more and nothing will be started again. */
  readonly ended: Promise<void>;
}

/** Supervises `programs`; nothing starts before `start()`. */
export const createSupervisor = (options: SupervisorOptions): Supervisor => {
  const { programs, clock, timers, onEvent, onChange } = options;
  const allReady = Promise.withResolvers<boolean>();
  const states = new Map<string, ServiceState>();
  for (const program of programs) {
    for (const name of program.services) states.set(name, { name, state: "starting", restarts: 0 });
  }
  const startMs = clock.monotonicMs();
  let stopStartMs: number | undefined;
  let clean = true;

  const update = (program: Program, change: Partial<ServiceState>): void => {
    for (const name of program.services) states.set(name, { ...(states.get(name) as ServiceState), ...change });
    onChange([...states.values()]);
  };

  /** Says whether all are ready once that is known of each; without a gateway none of the others ever will be. */
  const settle = (gaveUp?: Program): void => {
    const known = [...states.values()].every(({ state }) => ["ready", "failed", "refused"].includes(state));
    if (known || gaveUp?.isGateway) allReady.resolve([...states.values()].every(({ state }) => state === "ready"));
  };

  const listenerOf = (program: Program): ProcessListener => {
    const log = options.openLog(program);
    const onLine = (line: LogLine): void => onEvent({ type: "grave-line", line });
    const grave = {
      stdout: graveLines("stdout", program.name, onLine),
      stderr: graveLines("stderr", program.name, onLine),
    };
    const finishOutput = (): void => {
      grave.stdout.end();
      grave.stderr.end();
    };
    let launches = 0;
    let launchMs = 0;
    return {
      started(process) {
        launchMs = clock.monotonicMs();
        update(program, {
          state: "starting",
          process,
          startMs: clock.nowMs(),
          restarts: launches++,
          address: undefined,
          refusal: undefined,
        });
      },
      said(message) {
        const service = states.get(message.service);
        if (stopStartMs !== undefined) return;
        if (service === undefined || !program.services.includes(message.service)) return;
        if (message.type === "refused") {
          const { version, instanceId, refusal } = message;
          const refused: ServiceState = { ...service, state: "refused", version, instanceId, refusal };
          states.set(refused.name, refused);
          onChange([...states.values()]);
          onEvent({ type: "refused", service: refused });
          settle();
        }
        if (message.type !== "ready") return;
        const ready: ServiceState = {
          ...service,
          state: "ready",
          refusal: undefined,
          address: message.address,
          instanceId: message.instanceId,
          version: message.version,
        };
        states.set(ready.name, ready);
        onChange([...states.values()]);
        onEvent({ type: "ready", service: ready, readyAfterMs: clock.monotonicMs() - launchMs });
        settle();
      },
      wrote(stream, chunk) {
        log.write(chunk);
        grave[stream].push(chunk);
      },
      died(exit, restartInMs) {
        finishOutput();
        update(program, { state: "waiting", process: undefined, address: undefined, lastExit: exit });
        onEvent({ type: "died", program, exit, restartInMs });
      },
      gaveUp(exit) {
        finishOutput();
        clean = false;
        update(program, { state: "failed", process: undefined, address: undefined, lastExit: exit });
        onEvent({ type: "gave-up", program, exit });
        settle(program);
        log.close();
      },
      stopped(exit, killed) {
        finishOutput();
        if (killed || exit.code !== 0) clean = false;
        update(program, {
          state: killed ? "killed" : "stopped",
          process: undefined,
          address: undefined,
          lastExit: exit,
        });
        onEvent({ type: "stopped", program, exit, killed, afterMs: clock.monotonicMs() - (stopStartMs ?? startMs) });
        log.close();
      },
    };
  };

  const processes = programs.map((program) => ({
    program,
    process: new SupervisedProcess({
      program,
      clock,
      timers,
      launch: options.launch ?? launch,
      listener: listenerOf(program),
    }),
  }));
  const of = (isGateway: boolean): SupervisedProcess[] =>
    processes.filter(({ program }) => program.isGateway === isGateway).map(({ process }) => process);
  const markStopping = (): void => {
    if (stopStartMs !== undefined) return;
    stopStartMs = clock.monotonicMs();
    allReady.resolve(false);
    for (const { program } of processes) {
      const state = states.get(program.services[0] ?? "")?.state;
      if (state === "ready" || state === "refused" || state === "starting") update(program, { state: "stopping" });
      if (state === "waiting") update(program, { state: "stopped" });
    }
  };
  const stopAll = async (some: SupervisedProcess[]): Promise<void> => {
    await Promise.all(some.map((process) => process.stop(options.drainMs)));
  };

  return {
    allReady: allReady.promise,
    ended: Promise.all(processes.map(({ process }) => process.ended)).then(() => undefined),
    start() {
      for (const process of [...of(true), ...of(false)]) process.start();
    },
    async stop() {
      markStopping();
      // A gateway that outlives the services sees each of them leave, and answers the calls that are under way until then.
      await stopAll(of(false));
      await stopAll(of(true));
      return clean;
    },
    kill() {
      markStopping();
      for (const { process } of processes) process.kill();
    },
  };
};
