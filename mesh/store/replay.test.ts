import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { expect, onTestFinished, test } from "vitest";
import { ANONYMOUS } from "../identity/index.ts";
import { AlreadyApplied, type Call, type Replay, runInCall } from "../rpc/call.ts";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import { insertNote, migrations, noteIds } from "./fixtures/notes.ts";
import { REPLY_KEPT_MS, REPLY_SWEEP_ROWS } from "./limits.ts";
import { openTestStore } from "./open-test-store.ts";

const METHOD = "customer.v1.CustomerService/CreateCustomer";
const output = CustomerService.method.createCustomer.output;

const replay = (requestId: string): Replay => ({
  requestId,
  requestHash: Buffer.from("hash"),
  encodeReply: (reply) => toBinary(output, create(output, reply as MessageInitShape<typeof output>)),
  recorded: false,
});

const inCall = <T>(part: Partial<Call>, work: () => Promise<T>): Promise<T> =>
  runInCall(
    {
      method: CustomerService.method.createCustomer,
      traceparent: "",
      deadlineMs: undefined,
      signal: new AbortController().signal,
      get aborted() {
        return part.signal?.aborted ?? false;
      },
      peer: "test",
      replay: undefined,
      forwarded: [],
      caller: ANONYMOUS,
      onEnd: () => () => undefined,
      ...part,
    },
    work,
  );

const open = async (runtime?: Runtime) => {
  const store = await openTestStore(migrations, runtime);
  onTestFinished(() => store.close());
  const ids = async () => (await store.read((reader) => reader.all(noteIds, {}))).map((note) => note.id);
  const createCustomer = (id: string) =>
    store.write(async (tx) => {
      await tx.run(insertNote, { id, text: "" });
      return { customer: { id } };
    });
  return { store, ids, createCustomer };
};

const replyOf = (id: string) => Buffer.from(toBinary(output, create(output, { customer: { id } })));

test("the reply is recorded with the write, and found by method and request id", async () => {
  const { store, createCustomer } = await open();
  const request = replay("r1");
  await inCall({ replay: request }, () => createCustomer("a"));
  expect(request.recorded).toBe(true);
  expect(await store.findReply(METHOD, "r1")).toEqual({ requestHash: Buffer.from("hash"), reply: replyOf("a") });
  expect(await store.findReply(METHOD, "r2")).toBeUndefined();
  expect(await store.findReply("customer.v1.CustomerService/UpdateCustomer", "r1")).toBeUndefined();
});

test("of two calls with one request id the second gets the first's reply and keeps nothing", async () => {
  const { ids, createCustomer } = await open();
  const loser = replay("r1");
  const [first, second] = await Promise.allSettled([
    inCall({ replay: replay("r1") }, () => createCustomer("a")),
    inCall({ replay: loser }, () => createCustomer("b")),
  ]);
  expect(first.status).toBe("fulfilled");
  const lost = second.status === "rejected" ? second.reason : undefined;
  expect(lost).toBeInstanceOf(AlreadyApplied);
  expect(lost).toMatchObject({ reply: replyOf("a") });
  expect(loser.recorded).toBe(false);
  expect(await ids()).toEqual(["a"]);
});

test("a write that fails records no reply, so that the call can be repeated", async () => {
  const { store, createCustomer } = await open();
  const failing = inCall({ replay: replay("r1") }, () => store.write(() => Promise.reject(new Error("no"))));
  await expect(failing).rejects.toThrow("no");
  await inCall({ replay: replay("r1") }, () => createCustomer("a"));
});

test("a write before the last leaves the reply for later", async () => {
  const { store, ids, createCustomer } = await open();
  const request = replay("r1");
  await inCall({ replay: request }, async () => {
    await store.write((tx) => tx.run(insertNote, { id: "before", text: "" }), { reply: "later" });
    expect(request.recorded).toBe(false);
    await createCustomer("a");
  });
  expect(await ids()).toEqual(["before", "a"]);
});

test("a second write that would make the reply is a programming error, and so is a write without one", async () => {
  const { store, ids, createCustomer } = await open();
  const twice = inCall({ replay: replay("r1") }, async () => {
    await createCustomer("a");
    await createCustomer("b");
  });
  await expect(twice).rejects.toThrow(`${METHOD}: the reply was recorded by an earlier store.write`);
  const without = inCall({ replay: replay("r2") }, () =>
    store.write(async (tx) => {
      await tx.run(insertNote, { id: "c", text: "" });
    }),
  );
  await expect(without).rejects.toThrow(`${METHOD}: the job returned no reply`);
  expect(await ids()).toEqual(["a"]);
});

test("a job that nobody waits for any more is not begun", async () => {
  const { store, ids, createCustomer } = await open();
  const stop = new AbortController();
  stop.abort(new Error("the caller went away"));
  await expect(inCall({ signal: stop.signal }, () => createCustomer("a"))).rejects.toThrow("the caller went away");
  await expect(inCall({ deadlineMs: 0 }, () => createCustomer("a"))).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
  await expect(inCall({ deadlineMs: 0 }, () => store.read(async () => 1))).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
  expect(await ids()).toEqual([]);
});

test("a job whose caller leaves while it waits for its turn is not begun", async () => {
  const { ids, createCustomer } = await open();
  const stop = new AbortController();
  const first = createCustomer("a");
  const second = inCall({ signal: stop.signal }, () => createCustomer("b"));
  stop.abort(new Error("the caller went away"));
  await first;
  await expect(second).rejects.toThrow("the caller went away");
  expect(await ids()).toEqual(["a"]);
});

test("the error of a job names the call's method", async () => {
  const { store } = await open();
  const slow = inCall({}, () => store.write(() => new Promise<void>(() => {})));
  await expect(slow).rejects.toThrow(`${METHOD}: the job of store.write awaited something else`);
});

test("replies are kept for seven days, and then swept in batches", async () => {
  let nowMs = 1_000_000;
  const system = systemRuntime();
  const { store, createCustomer } = await open({ ...system, clock: { ...system.clock, nowMs: () => nowMs } });
  const old = REPLY_SWEEP_ROWS + 1;
  for (let i = 0; i < old; i++) await inCall({ replay: replay(`old${i}`) }, () => createCustomer(`old${i}`));
  nowMs += 1;
  await inCall({ replay: replay("young") }, () => createCustomer("young"));
  nowMs += REPLY_KEPT_MS - 1;
  expect(await store.sweepReplies()).toBe(0);
  nowMs += 1;
  expect(await store.sweepReplies(AbortSignal.abort())).toBe(REPLY_SWEEP_ROWS);
  expect(await store.sweepReplies()).toBe(old - REPLY_SWEEP_ROWS);
  expect(await store.findReply(METHOD, "young")).toBeDefined();
  expect(await store.findReply(METHOD, "old0")).toBeUndefined();
});
