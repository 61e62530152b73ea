import type { Clock, Timers } from "@heddle/mesh/runtime";
import { Failure } from "../failure.ts";
import type { Program } from "../program.ts";
import { replicaName } from "../state-file.ts";
import type { Supervisor, SupervisorEvent } from "../supervisor.ts";
import { formatDuration } from "../units.ts";
import type { Step } from "./control-messages.ts";
import { judgeCalls, type WatchedCalls } from "./judge-calls.ts";

/** The processes of the services: brings them to a number, and to a release. */
export interface Fleet {
  /**
   * Starts processes of a release (undefined: the working tree), or drains some, until there are `count` of the service. Resolves when
   * each new one is ready and each that went has ended.
   *
   * @throws Failure when one does not become ready; it is drained again.
   */
  scale(
    service: string,
    to: { readonly count: number; readonly release: string | undefined },
    options: ScaleOptions,
  ): Promise<void>;
  /**
   * Gives each process of a service a successor, one at a time: the new one is ready before the old one drains. When one is not fit the
   * new ones go, and as many of the old release as had gone come back; for each that does not, a new one that serves stays. Resolves to
   * why, or to undefined when all were replaced.
   */
  replace(service: string, to: string | undefined, options: ReplaceOptions): Promise<string | undefined>;
}

export interface ScaleOptions {
  /** Milliseconds that a process gets to be ready. */
  readonly timeoutMs: number;
  readonly tell: (step: Step) => void;
}

export interface ReplaceOptions extends ScaleOptions {
  /** Milliseconds for which the first new process serves beside the old ones before they go. */
  readonly watchMs: number;
}

export interface FleetDeps {
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Makes the program of one process. */
  readonly programOf: (service: string, replica: number, release: string | undefined) => Program;
}

/** Milliseconds between looks at how the calls of a new version end. */
const COUNT_MS = 250;

interface FleetProcess {
  readonly name: string;
  readonly release: string | undefined;
  readonly serves: boolean;
}

/** A new process that must not stay. */
class Unfit extends Error {}

export const createFleet = ({ supervisor, clock, timers, programOf }: FleetDeps): Fleet => {
  /** Processes that were asked to go, and those that came instead. */
  const leaving = new Set<string>();

  const processesOf = (service: string): FleetProcess[] =>
    supervisor
      .states()
      .filter((state) => state.name === service)
      .map(({ name, replica, release, state }) => ({
        name: replicaName(name, replica),
        release,
        serves: state === "ready",
      }));
  const staying = (service: string) => processesOf(service).filter(({ name }) => !leaving.has(name));

  /** Starts a process under the lowest number that is free. */
  const start = (service: string, release: string | undefined): string => {
    const taken = new Set(processesOf(service).map(({ name }) => name));
    let replica = 1;
    while (taken.has(replicaName(service, replica))) replica++;
    const program = programOf(service, replica, release);
    if (!supervisor.add(program)) throw supervisor.stopping.reason;
    return program.name;
  };

  /** Resolves once a process is ready. Throws Unfit when it is not within `timeoutMs`, was refused, or died `deathsMax` times. */
  const ready = (service: string, name: string, { timeoutMs, tell }: ScaleOptions, mayDie: boolean): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const startMs = clock.monotonicMs();
    const timer = timers.after(timeoutMs, () =>
      reject(new Unfit(`${name} was not ready within ${formatDuration(timeoutMs)}`)),
    );
    const off = supervisor.listen((event) => {
      if (event.program.name !== name) return;
      const problem = problemOf(event);
      if (event.type === "ready") {
        const { process, version } = event.service;
        const tookMs = clock.monotonicMs() - startMs;
        tell({ step: "ready", service, process: name, pid: process?.pid, version, tookMs });
        resolve();
      } else if (problem !== undefined && !(mayDie && event.type === "died")) {
        reject(new Unfit(`${name} ${problem}`));
      }
    });
    const stopped = () => reject(supervisor.stopping.reason);
    supervisor.stopping.addEventListener("abort", stopped);
    return promise.finally(() => {
      supervisor.stopping.removeEventListener("abort", stopped);
      timer.cancel();
      off();
    });
  };

  const drain = async (service: string, name: string, tell: (step: Step) => void): Promise<void> => {
    const pid = supervisor.states().find((each) => replicaName(each.name, each.replica) === name)?.process?.pid;
    const startMs = clock.monotonicMs();
    leaving.add(name);
    tell({ step: "draining", service, process: name, pid });
    const clean = await supervisor.remove(name).finally(() => leaving.delete(name));
    const tookMs = clock.monotonicMs() - startMs;
    tell({ step: "stopped", service, process: name, pid, tookMs, ...(clean ? {} : { note: "calls were cut" }) });
  };

  /** Watches how the calls of new processes end beside those of the old. Throws Unfit as soon as they speak against the new. */
  const watch = async (
    fresh: readonly string[],
    old: readonly string[],
    watchMs: number,
    ends: AbortSignal,
  ): Promise<WatchedCalls> => {
    const first = new Map<string, WatchedCalls>();
    const last = new Map<string, WatchedCalls>();
    const off = supervisor.listen((event) => {
      if (event.type !== "counted") return;
      if (!first.has(event.program.name)) first.set(event.program.name, event);
      last.set(event.program.name, event);
    });
    const sum = (names: readonly string[], key: keyof WatchedCalls): number =>
      names.reduce((total, name) => total + (last.get(name)?.[key] ?? 0) - (first.get(name)?.[key] ?? 0), 0);
    const of = (names: readonly string[]) => ({ calls: sum(names, "calls"), failures: sum(names, "failures") });
    const endMs = clock.monotonicMs() + watchMs;
    try {
      while (clock.monotonicMs() < endMs) {
        for (const name of [...fresh, ...old]) supervisor.tell(name, { type: "count" });
        await timers.sleep(Math.min(COUNT_MS, watchMs), ends);
        const problem = judgeCalls(of(fresh), of(old));
        if (problem !== undefined) throw new Unfit(`${fresh.join(", ")} is not fit: ${problem}`);
      }
      return of(fresh);
    } finally {
      off();
    }
  };

  return {
    async scale(service, { count, release }, options) {
      // Those that serve stay, before those that do not.
      const surplus = staying(service)
        .sort((a, b) => Number(b.serves) - Number(a.serves))
        .slice(count);
      const missing = Math.max(0, count - staying(service).length);
      await Promise.all([
        ...surplus.map(({ name }) => drain(service, name, options.tell)),
        ...Array.from({ length: missing }, async () => {
          const name = start(service, release);
          options.tell({ step: "starting", service, process: name });
          try {
            await ready(service, name, options, true);
          } catch (error) {
            if (!(error instanceof Unfit)) throw error;
            await drain(service, name, options.tell);
            throw new Failure(`${error.message}; it was stopped again.`, { next: `heddle logs ${service}` });
          }
        }),
      ]);
    },

    async replace(service, to, options) {
      const { tell, watchMs } = options;
      const old = staying(service);
      const gone: typeof old = [];
      const fresh: string[] = [];
      const death = Promise.withResolvers<never>();
      /** Ends the watch that a death has cut short. */
      const over = new AbortController();
      death.promise.catch(() => undefined);
      const off = supervisor.listen((event) => {
        const problem = fresh.includes(event.program.name) ? problemOf(event) : undefined;
        if (problem !== undefined) death.reject(new Unfit(`${event.program.name} ${problem}`));
      });
      try {
        for (const [index, each] of old.entries()) {
          const name = start(service, to);
          fresh.push(name);
          tell({ step: "starting", service, process: name, note: to ?? "working tree" });
          await ready(service, name, options, false);
          if (index === 0 && watchMs > 0) {
            tell({ step: "watching", service, process: name, note: `for ${formatDuration(watchMs)}` });
            const others = old.map((process) => process.name);
            const ends = AbortSignal.any([supervisor.stopping, over.signal]);
            const seen = await Promise.race([watch(fresh, others, watchMs, ends), death.promise]);
            tell({ step: "watched", service, process: name, note: `${seen.calls} calls, ${seen.failures} failed` });
          }
          gone.push(each);
          await Promise.race([drain(service, each.name, tell), death.promise]);
        }
        return undefined;
      } catch (error) {
        if (!(error instanceof Unfit)) throw error;
        over.abort();
        tell({ step: "unfit", service, note: error.message });
        tell({ step: "rolling-back", service });
        off();
        // First what takes the calls again, then away with what fails them, unless nothing else takes them.
        const problems = await Promise.all(
          gone.map(async ({ release }) => {
            const name = start(service, release);
            return await ready(service, name, options, true).then(() => [], unfitness);
          }),
        );
        const absent = problems.flat();
        const serving = processesOf(service).filter(({ name, serves }) => serves && fresh.includes(name));
        const kept = serving.slice(0, absent.length).map(({ name }) => name);
        for (const name of kept) tell({ step: "kept", service, process: name, note: absent.join(", ") });
        await Promise.all(fresh.filter((name) => !kept.includes(name)).map((name) => drain(service, name, tell)));
        return [error.message, ...absent].join("; what was there before: ");
      } finally {
        off();
      }
    },
  };
};

const unfitness = (error: unknown): readonly string[] => {
  if (!(error instanceof Unfit)) throw error;
  return [error.message];
};

/** What speaks against a new process, in words; undefined for what does not. */
const problemOf = (event: SupervisorEvent): string | undefined => {
  if (event.type === "refused") {
    const { message = "", violations = [] } = event.service.refusal ?? {};
    return `was refused: ${[message, ...violations].join("\n")}`;
  }
  if (event.type !== "died" && event.type !== "gave-up") return undefined;
  const { code, signal } = event.exit;
  return signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
};
