import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { callsOf } from "./cpu-profile.ts";
import { type Amounts, type CallNode, sumCalls } from "./profile-tree.ts";
import { SCENES, type Scene, type SceneResult } from "./scenes.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    allocations: { type: "boolean", default: false },
    seconds: { type: "string", default: "4" },
    top: { type: "string", default: "40" },
  },
});
const start = SCENES[positionals[0] ?? ""];
const seconds = Number(values.seconds);
const top = Number(values.top);
if (start === undefined || !(seconds > 0) || !Number.isInteger(top)) {
  console.error(`usage: make profile ARGS="${Object.keys(SCENES).join("|")} [--allocations] [--seconds N] [--top N]"`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "heddle-profile-"));
try {
  const profile = values.allocations ? profileAllocations : profileTime;
  const { result, calls, unit } = await profile(start);
  print(result, calls, unit);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

type Start = NonNullable<typeof start>;
interface Profiled {
  readonly result: SceneResult;
  readonly calls: CallNode;
  readonly unit: string;
}

async function profileTime(begin: Start): Promise<Profiled> {
  const scene = await begin({ nodeOptions: ["--cpu-prof", "--cpu-prof-interval=250", `--cpu-prof-dir=${folder}`] });
  let window = [0, 0] as readonly [number, number];
  const result = await underLoad(scene, async (load) => {
    const fromMicros = monotonicMicros();
    const measured = await load();
    window = [fromMicros, monotonicMicros()];
    return measured;
  });
  // Written when the process has exited.
  const [file = ""] = readdirSync(folder);
  const calls = callsOf(JSON.parse(readFileSync(join(folder, file), "utf8")), window);
  // The sampler takes time itself: shares are sound, and are told in what the kernel says that one costs.
  const scale = result.cpuMicrosEach / sumCalls(calls).all;
  return { result, calls: scaled(calls, scale), unit: "us CPU" };
}

async function profileAllocations(begin: Start): Promise<Profiled> {
  const file = join(folder, "allocations.json");
  const preload = new URL("./sample-allocations.ts", import.meta.url).href;
  const scene = await begin({ nodeOptions: ["--import", preload], env: { HEDDLE_ALLOCATIONS: file } });
  const result = await underLoad(scene, (load) => {
    process.kill(scene.pid, "SIGUSR2");
    return load();
  });
  const { head } = JSON.parse(readFileSync(file, "utf8")) as { head: AllocationNode };
  return { result, calls: scaled(asCalls(head), 1 / result.count), unit: "bytes allocated" };
}

/** What V8's sampling heap profiler reports (Chrome DevTools Protocol, HeapProfiler.SamplingHeapProfile). */
interface AllocationNode {
  readonly callFrame: CallNode["callFrame"];
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

function asCalls({ callFrame, selfSize, children }: AllocationNode): CallNode {
  return { callFrame, amount: selfSize, callees: children.map(asCalls) };
}

function scaled(node: CallNode, factor: number): CallNode {
  return { ...node, amount: node.amount * factor, callees: node.callees.map((callee) => scaled(callee, factor)) };
}

/** Loads a warm process for a while, and ends it. */
async function underLoad(
  scene: Scene,
  measure: (load: () => Promise<SceneResult>) => Promise<SceneResult>,
): Promise<SceneResult> {
  try {
    return await measure(await scene.prepare(seconds));
  } finally {
    await scene.stop();
  }
}

/** The clock that V8's profiles use. */
function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function print({ perSecond, cpuMicrosEach, unit: one }: SceneResult, calls: CallNode, unit: string): void {
  const { all, self, selfByFile, total } = sumCalls(calls);
  const section = (title: string, amounts: Amounts, count: number) => {
    console.log(`\n${title}: share, ${unit} per ${one}`);
    for (const [name, amount] of amounts.slice(0, count)) {
      console.log(`${((amount / all) * 100).toFixed(1).padStart(5)} % ${amount.toFixed(2).padStart(9)}  ${name}`);
    }
  };
  console.log(`${Math.round(perSecond)} ${one}s/s, ${cpuMicrosEach.toFixed(1)} us CPU each, while profiled`);
  section("in a function with what it called", total, top);
  section("in a file itself", selfByFile, Math.ceil(top / 2));
  section("in a function itself", self, top);
  console.log(`\n${all.toFixed(1)} ${unit} per ${one} in all`);
}
