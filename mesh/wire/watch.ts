import type { Clock, Timer, Timers } from "../runtime/index.ts";

/** Something that looks at the time now and then. */
export interface Watched {
  /** Called about once per WATCH_PERIOD_MS. */
  tick(nowMs: number): void;
}

/** Milliseconds between looks: bounds of time on connections are at least a few of these. */
export const WATCH_PERIOD_MS = 1_000;

const watches = new WeakMap<Timers, { readonly all: Set<Watched>; timer: Timer | undefined }>();

/** Watches until the returned function is called. One timer serves all connections of a process. */
export const watch = (watched: Watched, { clock, timers }: { clock: Clock; timers: Timers }): (() => void) => {
  const known = watches.get(timers);
  const group = known ?? { all: new Set<Watched>(), timer: undefined };
  if (known === undefined) watches.set(timers, group);
  group.all.add(watched);
  group.timer ??= timers.every(WATCH_PERIOD_MS, () => {
    const nowMs = clock.monotonicMs();
    for (const each of group.all) each.tick(nowMs);
  });
  return () => {
    group.all.delete(watched);
    if (group.all.size > 0) return;
    group.timer?.cancel();
    group.timer = undefined;
  };
};
