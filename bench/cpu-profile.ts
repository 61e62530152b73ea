import type { CallNode } from "./profile-tree.ts";

/** What `node --cpu-prof` writes (Chrome DevTools Protocol, Profiler.Profile). Times are microseconds. */
export interface CpuProfile {
  /** The root first. */
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallNode["callFrame"];
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  /** The node that each sample hit. */
  readonly samples: readonly number[];
  /** The time from each sample's predecessor to it. */
  readonly timeDeltas: readonly number[];
}

/** The calls of a profile with their microseconds, within a window of its clock, which is that of `process.hrtime`. */
export const callsOf = (profile: CpuProfile, window: readonly [number, number]): CallNode => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const micros = sampledMicros(profile, window);
  const build = (id: number): CallNode => {
    const node = nodes.get(id);
    if (node === undefined) throw new Error(`the profile has no node ${id}`);
    return { callFrame: node.callFrame, amount: micros.get(id) ?? 0, callees: (node.children ?? []).map(build) };
  };
  return build(profile.nodes[0]?.id ?? 0);
};

const sampledMicros = (
  { startTime, samples, timeDeltas }: CpuProfile,
  [fromMicros, toMicros]: readonly [number, number],
): Map<number, number> => {
  const micros = new Map<number, number>();
  let atMicros = startTime;
  samples.forEach((id, index) => {
    atMicros += timeDeltas[index] ?? 0;
    if (atMicros < fromMicros || atMicros > toMicros) return;
    // A sample stands for the time until the next one.
    micros.set(id, (micros.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0));
  });
  return micros;
};
