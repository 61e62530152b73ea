import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ConsumerKind, ReportUsageRequestSchema } from "@heddle/contracts/heddle/usage/v1";
import { fail, reasons } from "@heddle/mesh/contract";
import { createLog } from "@heddle/mesh/observe";
import { systemRuntime } from "@heddle/mesh/runtime";
import { openTestStore, type Store, type Tx } from "@heddle/mesh/store";
import { fakeTime } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, onTestFinished, test } from "vitest";
import { createEdge } from "../edge/edge.ts";
import { deprecatedContract } from "../fixtures/deprecated-contract.ts";
import { createContracts } from "../registry/contracts.ts";
import { usageStore } from "../store/usage-store.ts";
import { usageCallers } from "./callers.ts";
import { DAY_MS, KEPT_DAYS } from "./limits.ts";
import { startUsage } from "./usage.ts";
import { methodScope } from "./usage-rows.ts";

const CUT = "cloth.v1.ClothService/Cut";
const TEAR = "cloth.v1.ClothService/Tear";
const DENIED = reasons("test")("ACCESS_DENIED", Code.PermissionDenied, "No.");
/** CutRequest { pattern = 1, threads = 3 { colour = 1 } } */
const REQUEST = Uint8Array.of(0x0a, 0x01, 0x61, 0x1a, 0x03, 0x0a, 0x01, 0x62);

const start = async () => {
  const time = fakeTime(Date.UTC(2026, 0, 10, 12));
  const opened = await openTestStore(new URL("../migrations/", import.meta.url), systemRuntime());
  onTestFinished(() => opened.close());
  const writes: number[] = [];
  let broken = false;
  const store: Store = {
    write: async <T>(job: (tx: Tx) => Promise<T>) => {
      if (broken) throw new ConnectError("the disk is full", Code.Unavailable);
      writes.push(time.clock.monotonicMs());
      return opened.write(job);
    },
    read: (job) => opened.read(job),
    onEvents: (listener) => opened.onEvents(listener),
    findReply: (method, requestId) => opened.findReply(method, requestId),
    backup: (path, progress) => opened.backup(path, progress),
    close: () => opened.close(),
  };
  const contracts = createContracts();
  const { contract, offer } = deprecatedContract();
  contracts.add(contract);
  contracts.admit([offer]);
  const usage = usageStore();
  const lines: { msg: string }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const log = createLog({ service: "gateway", level: "info", clock: time.clock, destination });
  const open = () => startUsage({ store, usage, contracts, isOwn: () => false, ...time, log });
  let counting = await open();
  let refusal: ConnectError | undefined;
  const passages = new Map<string, ReturnType<ReturnType<typeof createEdge>["prepare"]>>();
  const edgeOf = () =>
    createEdge([{ prepare: () => () => refusal }, counting.checkpoint], { refused: counting.refused });
  let edge = edgeOf();
  const call = (consumer: string, path = CUT, times = 1) => {
    const headers = HeaderList.of({ ":path": `/${path}`, "heddle-consumer": consumer });
    const method = contracts.method(`/${path}`) ?? expect.fail(path);
    const key = `${consumer} ${path}`;
    const passage = passages.get(key) ?? edge.prepare({ method, headers, peer: "192.0.2.1:1" });
    passages.set(key, passage);
    for (let made = 0; made < times; made++) {
      passage.check();
      if (path === CUT) passage.sampler?.look(REQUEST);
    }
    return passage;
  };
  const rows = async (sinceDay = 0) => {
    await counting.flush();
    const filter = { scope: methodScope(""), consumer: "", sinceDay, after: undefined, limit: 100 };
    const found = await store.read((reader) => usage.listMethods(reader, filter));
    return found.map(({ method, consumer, calls, refused }) => [
      method,
      `${consumer.name}/${consumer.version}`,
      calls,
      refused,
    ]);
  };
  return {
    time,
    store,
    usage,
    contracts,
    writes,
    lines,
    call,
    rows,
    get counting() {
      return counting;
    },
    refuse: (error: ConnectError | undefined) => {
      refusal = error;
    },
    breakStore: (isBroken: boolean) => {
      broken = isBroken;
    },
    async restart() {
      await counting.stop();
      counting = await open();
      edge = edgeOf();
      passages.clear();
    },
  };
};

test("calls are counted by consumer and method, over drains and restarts", async () => {
  const mesh = await start();
  mesh.call("order/1.2.0", CUT, 3);
  mesh.call("billing/2", CUT);
  await mesh.counting.flush();
  mesh.call("order/1.2.0", CUT, 2);
  await mesh.restart();
  mesh.call("order/1.2.0", TEAR);
  mesh.call("order/1.2.0", CUT);
  expect(await mesh.rows()).toEqual([
    [CUT, "order/1.2.0", 6, 0],
    [CUT, "billing/2", 1, 0],
    [TEAR, "order/1.2.0", 1, 0],
  ]);
});

test("what was counted is written by itself, in one write, and nothing is written when nothing was", async () => {
  const { time, call, writes, store, usage, counting } = await start();
  const settled = () => store.read((reader) => usage.consumers(reader));
  // The first of a day also forgets what is old.
  await counting.flush();
  const before = writes.length;
  await time.advance(10_000);
  expect(writes.length).toBe(before);
  call("order/1", CUT, 5);
  call("billing/1", TEAR, 5);
  await time.advance(2_000);
  await expect.poll(() => writes.length).toBe(before + 1);
  await expect.poll(async () => (await settled()).map(({ name }) => name).sort()).toEqual(["billing", "order"]);
});

test("refused calls are counted by reason, and are no calls", async () => {
  const { call, refuse, counting, store, usage } = await start();
  refuse(fail(DENIED, {}));
  call("order/1", CUT, 2);
  refuse(new ConnectError("slow down", Code.ResourceExhausted));
  call("order/1", CUT);
  refuse(undefined);
  call("order/1", CUT);
  await counting.flush();
  const filter = { scope: methodScope(CUT), consumer: "", sinceDay: 0, after: undefined, limit: 10 };
  const [row] = await store.read((reader) => usage.listMethods(reader, filter));
  expect([row?.calls, row?.refused]).toEqual([1, 3]);
  expect(row?.refusals).toEqual([
    { reason: "ACCESS_DENIED", calls: 2 },
    { reason: "RESOURCE_EXHAUSTED", calls: 1 },
  ]);
});

test("a day is counted by itself, and is forgotten after 90 others, with the consumers that only it knew", async () => {
  const mesh = await start();
  mesh.call("old/1");
  await mesh.counting.flush();
  mesh.time.clock.advance(DAY_MS);
  mesh.call("order/1");
  const today = Math.floor(mesh.time.clock.nowMs() / DAY_MS);
  expect(await mesh.rows(today)).toEqual([[CUT, "order/1", 1, 0]]);
  expect(await mesh.rows()).toHaveLength(2);
  mesh.time.clock.advance(KEPT_DAYS * DAY_MS);
  expect(await mesh.rows()).toEqual([[CUT, "order/1", 1, 0]]);
  expect(await mesh.store.read((reader) => mesh.usage.consumers(reader))).toHaveLength(1);
});

test("a store that takes nothing loses no count while it comes back", async () => {
  const { call, rows, breakStore, counting, lines } = await start();
  breakStore(true);
  call("order/1", CUT, 2);
  await counting.flush();
  call("order/1", CUT, 3);
  await counting.flush();
  expect(lines[0]?.msg).toBe("usage is not written yet");
  breakStore(false);
  expect(await rows()).toEqual([[CUT, "order/1", 5, 0]]);
});

test("a report is counted once, by its instance and sequence, and without what no contract has", async () => {
  const { counting, rows, store, usage } = await start();
  const consumer = counting.consumers.named(ConsumerKind.DECLARED, "order", "1");
  const report = (instanceId: string, sequence: bigint) =>
    create(ReportUsageRequestSchema, {
      instanceId,
      sequence,
      calls: [
        {
          method: CUT,
          calls: 5n,
          samples: 2n,
          fields: [
            { message: "cloth.v1.Thread", number: 1, samplesWithField: 2n },
            { message: "cloth.v1.Thread", number: 99, samplesWithField: 2n },
            { message: "no.such.Message", number: 1, samplesWithField: 2n },
          ],
        },
        { method: "no.such.Service/Method", calls: 7n },
      ],
    });
  await counting.report(consumer, report("ins_1", 1n));
  await counting.report(consumer, report("ins_1", 1n));
  expect(await rows()).toEqual([[CUT, "order/1", 5, 0]]);
  await counting.report(consumer, report("ins_1", 2n));
  await counting.report(consumer, report("ins_2", 1n));
  expect(await rows()).toEqual([[CUT, "order/1", 15, 0]]);
  const every = { message: "", number: 0, method: "", consumer: "", sinceDay: 0, after: undefined, limit: 10 };
  const fields = await store.read((reader) => usage.listFields(reader, every));
  expect(fields.map(({ message, number, samplesWithField }) => [message, number, samplesWithField])).toEqual([
    ["cloth.v1.Thread", 1, 6],
  ]);
});

test("callers of a change are those who called its methods, with what their requests set, the latest first", async () => {
  const mesh = await start();
  mesh.call("order/1", CUT, 3);
  await mesh.counting.flush();
  mesh.time.clock.advance(1_000);
  mesh.call("billing/1", TEAR);
  const callers = usageCallers(mesh);
  const of = async (field: { message: string; number: number } | undefined, sinceMs = 0) =>
    (await callers.of({ methods: [CUT, TEAR], field }, sinceMs)).map(({ consumer, method, calls, setsField }) => [
      consumer,
      method,
      calls,
      setsField,
    ]);
  expect(await of({ message: "cloth.v1.Thread", number: 1 })).toEqual([
    // None of its requests was looked at.
    ["billing", TEAR, 1, undefined],
    ["order", CUT, 3, true],
  ]);
  expect((await of({ message: "cloth.v1.CutRequest", number: 2 }))[1]).toEqual(["order", CUT, 3, false]);
  expect((await of(undefined))[1]).toEqual(["order", CUT, 3, undefined]);
  expect(await of(undefined, mesh.time.clock.nowMs() + DAY_MS)).toEqual([]);
  const [latest] = await callers.of({ methods: [CUT, TEAR] }, 0);
  expect(latest).toMatchObject({ consumer: "billing", consumerVersion: "1", lastTimeMs: mesh.time.clock.nowMs() });
});

test("what is deprecated is remembered since when, over a restart", async () => {
  const mesh = await start();
  const told = mesh.call("order/1", TEAR).answerFields;
  expect(told.slice(0, 2)).toEqual(["deprecation", `@${Date.UTC(2026, 0, 10, 12) / 1000}`]);
  await mesh.counting.flush();
  mesh.time.clock.advance(5 * DAY_MS);
  await mesh.restart();
  expect(mesh.call("order/1", TEAR).answerFields).toEqual(told);
  expect(mesh.counting.deprecations.since("cloth.v1.Thread.dye")).toBe(Date.UTC(2026, 0, 10, 12));
});
