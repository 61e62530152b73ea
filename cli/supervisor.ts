import type { ChildProcess } from "node:child_process";
import type { Clock, Timers } from "@heddle/mesh/runtime";
import { Failure } from "./failure.ts";
import { graveLines } from "./grave-lines.ts";
import type { LogFile } from "./log-file.ts";
import type { LogLine } from "./pretty-log.ts";
import { launch, type Program, type SupervisorMessage } from "./program.ts";
import type { ServiceState } from "./state-file.ts";
import { type Exit, type ProcessListener, SupervisedProcess } from "./supervised-process.ts";

/** What the supervisor tells while it works. */
export type SupervisorEvent =
  | {
      readonly type: "ready";
      readonly program: Program;
      readonly service: ServiceState;
      readonly readyAfterMs: number;
    }
  | { readonly type: "refused"; readonly program: Program; readonly service: ServiceState }
  | { readonly type: "hung"; readonly program: Program; readonly silentMs: number }
  | { readonly type: "died"; readonly program: Program; readonly exit: Exit; readonly restartInMs: number }
  | { readonly type: "gave-up"; readonly program: Program; readonly exit: Exit }
  | {
      readonly type: "stopped";
      readonly program: Program;
      readonly exit: Exit;
      readonly killed: boolean;
      /** Milliseconds since it was asked. */
      readonly afterMs: number;
    }
  | { readonly type: "counted"; readonly program: Program; readonly calls: number; readonly failures: number }
  | { readonly type: "grave-line"; readonly program: Program; readonly line: LogLine };

export interface SupervisorOptions {
  readonly programs: readonly Program[];
  readonly clock: Clock;
  readonly timers: Timers;
  /** Where the output of a program goes. */
  readonly openLog: (program: Program) => LogFile;
  readonly onEvent: (event: SupervisorEvent) => void;
  /** Called after every change, with all processes: services in the order in which they were given, then by replica. */
  readonly onChange: (services: readonly ServiceState[]) => void;
  /** How long a program may drain before it is killed, in milliseconds. */
  readonly drainMs: number;
  /** Milliseconds without a sign of life after which a program is killed, and started again; 0: never. */
  readonly hangMs: number;
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
  /** Starts one more program, whose name no other has. False when everything is stopping. */
  add(program: Program): boolean;
  /** Drains one program and forgets it. Resolves to true when it ended by itself with status 0. */
  remove(name: string): Promise<boolean>;
  /** Sends a message to a program that runs. */
  tell(name: string, message: SupervisorMessage): void;
  /** Hears of everything, after `onEvent`, until the returned function is called. */
  listen(listener: (event: SupervisorEvent) => void): () => void;
  /** All processes, as `onChange` gets them. */
  states(): readonly ServiceState[];
  /** Aborts when everything is to stop, so that nothing waits for what will not come any more. */
  readonly stopping: AbortSignal;
  /** Drains the services, then the gateway. Resolves to true when each ended by itself with status 0. */
  stop(): Promise<boolean>;
  /** Kills what still runs, at once. */
  kill(): void;
  /** Resolves when nothing runs any more and nothing will be started again. */
  readonly ended: Promise<void>;
}

/** A program, and what has become of it. */
interface Supervised {
  readonly program: Program;
  readonly process: SupervisedProcess;
  /** Its services, each by its name. */
  readonly states: Map<string, ServiceState>;
  /** When it was asked to stop; undefined until then. */
  stopMs: number | undefined;
  clean: boolean;
  /** True: it is to be forgotten at its end. */
  removed: boolean;
}

/** Supervises `programs`; nothing starts before `start()`. */
export const createSupervisor = (options: SupervisorOptions): Supervisor => {
  const { clock, timers } = options;
  const allReady = Promise.withResolvers<boolean>();
  const ended = Promise.withResolvers<void>();
  const supervised = new Map<string, Supervised>();
  const listeners = new Set<(event: SupervisorEvent) => void>();
  const serviceOrder: string[] = [];
  const stop = new AbortController();

  const onEvent = (event: SupervisorEvent): void => {
    options.onEvent(event);
    for (const listener of listeners) listener(event);
  };
  const all = (): ServiceState[] =>
    [...supervised.values()]
      .flatMap(({ states }) => [...states.values()])
      .sort(
        (a, b) => serviceOrder.indexOf(a.name) - serviceOrder.indexOf(b.name) || (a.replica ?? 1) - (b.replica ?? 1),
      );
  const set = (one: Supervised, change: Partial<ServiceState>, names = one.program.services): void => {
    for (const name of names) one.states.set(name, { ...(one.states.get(name) as ServiceState), ...change });
    options.onChange(all());
  };

  /** Says whether all are ready once that is known of each; without a gateway none of the others ever will be. */
  const settle = (gaveUp?: Program): void => {
    const known = all().every(({ state }) => ["ready", "failed", "refused"].includes(state));
    if (known || gaveUp?.isGateway) allReady.resolve(all().every(({ state }) => state === "ready"));
  };

  const listenerOf = (program: Program, log: LogFile, self: () => Supervised): ProcessListener => {
    const onLine = (line: LogLine): void => onEvent({ type: "grave-line", program, line });
    const grave = {
      stdout: graveLines("stdout", program.name, onLine),
      stderr: graveLines("stderr", program.name, onLine),
    };
    const finishOutput = (): void => {
      grave.stdout.end();
      grave.stderr.end();
    };
    const gone = { process: undefined, address: undefined };
    let launches = 0;
    let launchMs = 0;
    return {
      started(process) {
        launchMs = clock.monotonicMs();
        const restarts = launches++;
        const startMs = clock.nowMs();
        set(self(), { state: "starting", process, startMs, restarts, address: undefined, refusal: undefined });
      },
      said(message) {
        const one = self();
        if (one.stopMs !== undefined || !program.services.includes(message.service)) return;
        const stateNow = () => one.states.get(message.service) as ServiceState;
        if (message.type === "counts") {
          onEvent({ type: "counted", program, calls: message.calls, failures: message.failures });
        } else if (message.type === "refused") {
          const { version, instanceId, refusal } = message;
          set(one, { state: "refused", version, instanceId, refusal }, [message.service]);
          onEvent({ type: "refused", program, service: stateNow() });
          settle();
        } else if (message.type === "ready") {
          const { version, instanceId, address } = message;
          set(one, { state: "ready", refusal: undefined, address, instanceId, version }, [message.service]);
          onEvent({ type: "ready", program, service: stateNow(), readyAfterMs: clock.monotonicMs() - launchMs });
          settle();
        }
      },
      wrote(stream, chunk) {
        log.write(chunk);
        grave[stream].push(chunk);
      },
      hung: (silentMs) => onEvent({ type: "hung", program, silentMs }),
      died(exit, restartInMs) {
        finishOutput();
        set(self(), { ...gone, state: "waiting", lastExit: exit });
        onEvent({ type: "died", program, exit, restartInMs });
      },
      gaveUp(exit) {
        finishOutput();
        self().clean = false;
        set(self(), { ...gone, state: "failed", lastExit: exit });
        onEvent({ type: "gave-up", program, exit });
        settle(program);
      },
      stopped(exit, killed) {
        const one = self();
        finishOutput();
        one.clean = !killed && exit.code === 0;
        set(one, { ...gone, state: killed ? "killed" : "stopped", lastExit: exit });
        onEvent({ type: "stopped", program, exit, killed, afterMs: clock.monotonicMs() - (one.stopMs ?? 0) });
      },
    };
  };

  const take = (program: Program): Supervised => {
    if (supervised.has(program.name)) throw new TypeError(`there is a ${program.name} already`);
    const { replica = 1, release } = program;
    const log = options.openLog(program);
    const listener = listenerOf(program, log, () => one);
    const { hangMs } = options;
    const process = new SupervisedProcess({
      program,
      clock,
      timers,
      launch: options.launch ?? launch,
      listener,
      hangMs,
    });
    const one: Supervised = { program, process, states: new Map(), stopMs: undefined, clean: true, removed: false };
    for (const name of program.services) {
      one.states.set(name, { name, replica, release, state: "starting", restarts: 0 });
      if (!serviceOrder.includes(name)) serviceOrder.push(name);
    }
    supervised.set(program.name, one);
    void process.ended.then(() => {
      log.close();
      // One that was taken out on purpose is not the end of the mesh, even where it was the last.
      if (!one.removed || stop.signal.aborted) endIfOver();
    });
    return one;
  };
  const endIfOver = (): void => {
    if ([...supervised.values()].every((each) => each.process.hasEnded)) ended.resolve();
  };
  const markStopping = (one: Supervised): void => {
    if (one.stopMs !== undefined) return;
    one.stopMs = clock.monotonicMs();
    const state = one.states.get(one.program.services[0] ?? "")?.state;
    if (state === "ready" || state === "refused" || state === "starting") set(one, { state: "stopping" });
    if (state === "waiting") set(one, { state: "stopped" });
  };
  const markAllStopping = (): void => {
    stop.abort(new Failure("The mesh is stopping."));
    allReady.resolve(false);
    for (const one of supervised.values()) markStopping(one);
    // Nothing may run any more that could tell of its end: all was taken out, or had given up.
    endIfOver();
  };
  const stopAll = async (isGateway: boolean): Promise<void> => {
    const some = [...supervised.values()].filter(({ program }) => program.isGateway === isGateway);
    await Promise.all(some.map(({ process }) => process.stop(options.drainMs)));
  };

  for (const program of options.programs) take(program);
  return {
    allReady: allReady.promise,
    ended: ended.promise,
    start() {
      const given = [...supervised.values()];
      for (const { program, process } of given) if (program.isGateway) process.start();
      for (const { program, process } of given) if (!program.isGateway) process.start();
    },
    add(program) {
      if (stop.signal.aborted) return false;
      take(program).process.start();
      return true;
    },
    async remove(name) {
      const one = supervised.get(name);
      if (one === undefined) return true;
      one.removed = true;
      markStopping(one);
      await one.process.stop(options.drainMs);
      supervised.delete(name);
      options.onChange(all());
      settle();
      return one.clean;
    },
    tell: (name, message) => supervised.get(name)?.process.tell(message),
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    states: all,
    stopping: stop.signal,
    async stop() {
      markAllStopping();
      // A gateway that outlives the services sees each of them leave, and answers the calls that are under way until then.
      await stopAll(false);
      await stopAll(true);
      return [...supervised.values()].every(({ clean }) => clean);
    },
    kill() {
      markAllStopping();
      for (const { process } of supervised.values()) process.kill();
    },
  };
};
