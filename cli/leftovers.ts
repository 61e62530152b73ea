import type { Clock, Timers } from "@heddle/mesh/runtime";
import { Failure } from "./failure.ts";
import { isAlive } from "./process-info.ts";
import type { MeshState } from "./state-file.ts";

/** Milliseconds that services whose supervisor was killed get to finish; their own drain is shorter by default. */
const LEFTOVER_DRAIN_MS = 15_000;
/** Milliseconds that the kernel gets to take a killed process away. */
const KILL_MS = 2_000;

export interface LeftoverOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Tells a person that there is something to wait for. */
  readonly say: (line: string) => void;
  /** Default 15 s. */
  readonly drainMs?: number;
}

/**
 * Waits for the services that a killed supervisor left behind, so that none holds a port or a database, and kills those that do not
 * come to their end. They drain without being asked, because they have noticed that their supervisor is gone: a signal now
 * would be the second one, and cut their calls.
 */
export const endLeftovers = async (left: MeshState | undefined, options: LeftoverOptions): Promise<void> => {
  const { clock, timers, say, drainMs = LEFTOVER_DRAIN_MS } = options;
  const alive = () =>
    (left?.services ?? []).flatMap(({ name, process }) => (process && isAlive(process) ? [{ name, process }] : []));
  const gone = async (withinMs: number): Promise<boolean> => {
    const deadlineMs = clock.monotonicMs() + withinMs;
    while (alive().length > 0) {
      if (clock.monotonicMs() >= deadlineMs) return false;
      await timers.sleep(50);
    }
    return true;
  };
  if (alive().length === 0) return;
  const names = [...new Set(alive().map(({ name }) => name))].join(", ");
  say(`waiting for ${names}: their supervisor was killed, and they finish what they had begun`);
  if (await gone(drainMs)) return;
  for (const {
    process: { pid, startTicks },
  } of alive()) {
    // Where the start is not known, the number may be that of a stranger by now.
    if (startTicks !== undefined) killQuietly(pid);
  }
  if (await gone(KILL_MS)) return;
  const pids = [...new Set(alive().map(({ process }) => process.pid))].join(" ");
  throw new Failure("Services whose supervisor was killed do not end.", {
    next: `End them with kill -9 ${pids}, when they are what you think.`,
  });
};

const killQuietly = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
};
