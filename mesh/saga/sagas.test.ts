import { Code } from "@connectrpc/connect";
import { SagaFailureKind, SagaState, SagaStepState } from "@heddle/contracts/heddle/saga/v1";
import { describe, expect, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { StartError } from "../runtime/index.ts";
import { expectFailure } from "../testing/index.ts";
import { defineSaga, refuse, type SagaStep } from "./define-saga.ts";
import { freshFolder, insertNote, startShop } from "./fixtures/start-shop.ts";
import { SAGA_KEPT_MS, SWEEP_ROWS } from "./limits.ts";
import { sweepEnded } from "./sweep.ts";

const down = () => fail(reasons("shop.v1")("CLOSED", Code.Unavailable, "The shop is closed."), {});
const no = () => fail(reasons("shop.v1")("SOLD_OUT", Code.FailedPrecondition, "Nothing is left."), {});

type Purchase = { readonly text: string; readonly receipt?: string };

/** A saga that pays, ships and writes a note; what it does is in `did`, and what fails in `failing`. */
const purchase = (
  over: {
    timeoutMs?: number;
    version?: number;
    pay?: Partial<SagaStep<Purchase>>;
    ship?: Partial<SagaStep<Purchase>>;
  } = {},
) => {
  const did: string[] = [];
  const ids = new Set<string>();
  const fates: Record<string, (() => unknown)[]> = { pay: [], refund: [], ship: [], note: [] };
  const fate = (name: string) => {
    did.push(name);
    return fates[name]?.shift()?.();
  };
  const definition = defineSaga<Purchase>({
    name: "buy",
    version: over.version ?? 1,
    timeoutMs: over.timeoutMs ?? 600_000,
    steps: [
      {
        name: "pay",
        async action({ stepId }) {
          ids.add(stepId);
          return ((await fate("pay")) as Partial<Purchase> | undefined) ?? { receipt: "r-1" };
        },
        compensation: {
          name: "refund",
          async run() {
            await fate("refund");
          },
        },
        ...over.pay,
      },
      {
        name: "ship",
        async action() {
          return (await fate("ship")) as undefined;
        },
        ...over.ship,
      },
      {
        name: "note",
        async commit(tx, { key, state }) {
          const outcome = fate("note");
          if (outcome !== undefined) return outcome as ReturnType<typeof refuse>;
          await tx.run(insertNote, { id: key, text: `${state.text} ${state.receipt}` });
          return undefined;
        },
      },
    ],
    async undone(tx, { key, failure }) {
      await tx.run(insertNote, { id: key, text: `${failure.kind} ${failure.reason}` });
    },
  });
  return { definition, did, ids, fates };
};

const throwing = (error: () => Error) => () => {
  throw error();
};
const often = (times: number, what: () => unknown) => Array.from({ length: times }, () => what);

describe("a saga", () => {
  test("runs its steps in order, hands on what they say, and writes its end with the domain's own change", async () => {
    const { definition, did } = purchase();
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    expect(await result).toEqual({ id, status: "completed", failure: undefined });
    expect(did).toEqual(["pay", "ship", "note"]);
    expect(await shop.notes()).toEqual([{ id: "key", text: "lamp r-1" }]);
    const saga = await shop.saga(id);
    expect(saga).toMatchObject({ name: "buy", version: 1, key: "key", state: SagaState.COMPLETED });
    expect(saga.endTime).toBeDefined();
    expect(saga.nextAttemptTime).toBeUndefined();
    for (const step of saga.steps) {
      expect(step).toMatchObject({ state: SagaStepState.DONE, attempts: 1, lastError: "" });
      expect(step.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(step.compensation).toBeUndefined();
    }
    expect(new Set(saga.steps.map(({ traceId }) => traceId)).size).toBe(1);
  });

  test("whose transaction is rolled back never was", async () => {
    const { definition, did } = purchase();
    const shop = await startShop([definition]);
    const refused = shop.store.write(async (tx) => {
      await shop.sagas.start(tx, definition, { key: "key", state: { text: "lamp" } });
      throw new Error("after all not");
    });
    await expect(refused).rejects.toThrow("after all not");
    await shop.pass(5_000);
    expect(did).toEqual([]);
  });

  test("that nobody runs begins by itself", async () => {
    const { definition } = purchase();
    const shop = await startShop([definition]);
    await shop.store.write((tx) => shop.sagas.start(tx, definition, { key: "key", state: { text: "lamp" } }));
    await shop.pass(3_000);
    expect(await shop.notes()).toHaveLength(1);
  });

  test("that nobody runs begins right after its commit, and one whose call runs it has no second runner", async () => {
    const { definition, did } = purchase();
    const shop = await startShop([definition]);
    const start = (key: string) =>
      shop.store.write((tx) => shop.sagas.start(tx, definition, { key, state: { text: "lamp" } }));
    await start("left");
    await shop.pass(200);
    expect(did).toEqual(["pay", "ship", "note"]);
    const own = await start("own");
    expect((await shop.sagas.run(own, { timeoutMs: 1_000 })).status).toBe("completed");
    await shop.pass(3_000);
    expect(did).toEqual(["pay", "ship", "note", "pay", "ship", "note"]);
  });

  test("is deleted thirty days after its end, and never while it is under way or parked", async () => {
    const { definition, fates } = purchase({ pay: { onFailure: "park" } });
    const shop = await startShop([definition]);
    fates.pay?.push(throwing(no));
    const parked = await shop.begin(definition, { text: "lamp" }, { key: "parked" });
    await parked.result;
    // More than one step of the sweep takes.
    for (let count = 0; count < SWEEP_ROWS + 3; count++) {
      const { result } = await shop.begin(definition, { text: "lamp" }, { key: `key-${count}` });
      expect((await result).status).toBe("completed");
    }
    const left = async () => (await shop.client.listSagas({ pageSize: 500 })).sagas.map(({ id }) => id);
    await shop.pass(60_000);
    const young = await shop.begin(definition, { text: "lamp" }, { key: "young" });
    await young.result;
    const overMs = shop.clock.nowMs() - 30_000 + SAGA_KEPT_MS;
    await sweepEnded(shop.store, overMs - 40_000);
    expect(await left()).toHaveLength(SWEEP_ROWS + 5);
    await sweepEnded(shop.store, overMs);
    expect(await left()).toEqual([young.id, parked.id]);
  });

  test("of a name is under way once for a key; another may follow when it has ended", async () => {
    const { definition, did } = purchase();
    const shop = await startShop([definition]);
    const begin = () =>
      shop.store.write((tx) => shop.sagas.start(tx, definition, { key: "key", state: { text: "lamp" } }));
    const started = await Promise.all([begin(), begin(), begin()]);
    expect(new Set(started.map(({ id }) => id)).size).toBe(1);
    const results = await Promise.all(started.map((each) => shop.sagas.run(each, { timeoutMs: 1_000 })));
    expect(results.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
    expect(did).toEqual(["pay", "ship", "note"]);
    expect((await begin()).id).not.toBe(started[0]?.id);
  });

  test("that the service does not define, or begins too large, is refused", async () => {
    const { definition } = purchase();
    const shop = await startShop([definition]);
    const other = purchase({ version: 2 }).definition;
    await expect(shop.begin(other, { text: "" })).rejects.toThrow("shop does not define buy@2");
    await expect(shop.begin(definition, { text: "x".repeat(17_000) })).rejects.toThrow("at most 16384");
  });
});

describe("an action that fails", () => {
  test("is tried again with the same id, after a wait", async () => {
    const { definition, did, ids, fates } = purchase();
    fates.pay = often(3, throwing(down));
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    await shop.pass(10_000);
    expect((await result).status).toBe("completed");
    expect(did).toEqual(["pay", "pay", "pay", "pay", "ship", "note"]);
    expect(ids.size).toBe(1);
    expect((await shop.saga(id)).steps[0]).toMatchObject({ attempts: 4, lastError: "" });
  });

  test("for good turns the saga round; one that said no at once has had no effect", async () => {
    const { definition, did, fates } = purchase();
    fates.pay = [throwing(no)];
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    expect(await result).toMatchObject({ status: "compensated", failure: { step: "pay", kind: "failed" } });
    expect(did).toEqual(["pay"]);
    expect(await shop.notes()).toEqual([{ id: "key", text: "failed FAILED_PRECONDITION SOLD_OUT (shop.v1)" }]);
    const saga = await shop.saga(id);
    expect(saga.failure?.kind).toBe(SagaFailureKind.FAILED);
    expect(saga.steps[0]).toMatchObject({ state: SagaStepState.FAILED });
    expect(saga.steps[0]?.compensation).toBeUndefined();
  });

  test("too often is given up, and what it may have done is undone", async () => {
    const { definition, did, fates } = purchase({ pay: { attemptsMax: 3 } });
    fates.pay = often(9, throwing(down));
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    await shop.pass(10_000);
    expect((await result).status).toBe("compensated");
    expect(did).toEqual(["pay", "pay", "pay", "refund"]);
    expect((await shop.saga(id)).steps[0]).toMatchObject({
      state: SagaStepState.COMPENSATED,
      lastError: "UNAVAILABLE CLOSED (shop.v1)",
      compensation: { name: "refund", attempts: 1 },
    });
  });

  test("by not answering is cut off after its time", async () => {
    const { definition, did, fates } = purchase({ pay: { timeoutMs: 2_000 } });
    fates.pay = [() => new Promise(() => undefined)];
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    await shop.pass(1_900);
    expect(did).toEqual(["pay"]);
    await shop.pass(1_000);
    expect((await result).status).toBe("completed");
    expect((await shop.saga(id)).steps[0]?.attempts).toBe(2);
  });

  test("waits in its row when the wait is long, where an operator sees it", async () => {
    const { definition, fates } = purchase();
    fates.ship = often(100, throwing(down));
    const shop = await startShop([definition]);
    const { id } = await shop.begin(definition, { text: "lamp" }, { forMs: 0 });
    await shop.pass(120_000);
    const saga = await shop.saga(id);
    expect(saga).toMatchObject({ state: SagaState.RUNNING });
    expect(saga.nextAttemptTime).toBeDefined();
    expect(saga.steps[1]).toMatchObject({ state: SagaStepState.RUNNING, lastError: "UNAVAILABLE CLOSED (shop.v1)" });
    fates.ship = [];
    await shop.pass(120_000);
    expect((await shop.saga(id)).state).toBe(SagaState.COMPLETED);
  });
});

test("a saga that waits in its row is taken up at once when somebody asks for it", async () => {
  const { definition, did, fates } = purchase();
  fates.ship = often(100, throwing(down));
  const shop = await startShop([definition]);
  const { id } = await shop.begin(definition, { text: "lamp" }, { forMs: 0 });
  await shop.pass(120_000);
  const attempts = did.length;
  fates.ship = [];
  const { id: again, result } = await shop.begin(definition, { text: "lamp" });
  // What is left of a short wait in memory; the long ones are in the row.
  await shop.pass(1_100);
  expect(await result).toEqual({ id, status: "completed", failure: undefined });
  expect(again).toBe(id);
  expect(did.length).toBe(attempts + 2);
});

describe("a refusal", () => {
  test("undoes what was done before it, in reverse, and is on record", async () => {
    const { definition, did, fates } = purchase();
    fates.ship = [() => refuse("NO_ADDRESS")];
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    expect(await result).toMatchObject({ status: "compensated", failure: { kind: "refused", reason: "NO_ADDRESS" } });
    expect(did).toEqual(["pay", "ship", "refund"]);
    expect(await shop.notes()).toEqual([{ id: "key", text: "refused NO_ADDRESS" }]);
    expect((await shop.saga(id)).steps.map(({ state, lastError }) => [state, lastError])).toEqual([
      [SagaStepState.COMPENSATED, ""],
      [SagaStepState.FAILED, "REFUSED NO_ADDRESS"],
      [SagaStepState.WAITING, ""],
    ]);
  });

  test("of a commit turns the saga round in that transaction", async () => {
    const { definition, did, fates } = purchase();
    fates.note = [() => refuse("FULL")];
    const shop = await startShop([definition]);
    const { result } = await shop.begin(definition, { text: "lamp" });
    expect((await result).status).toBe("compensated");
    expect(did).toEqual(["pay", "ship", "note", "refund"]);
  });
});

describe("time", () => {
  test("that is over turns the saga round, and cuts what runs", async () => {
    const { definition, did, fates } = purchase({ timeoutMs: 3_000 });
    fates.ship = [() => new Promise(() => undefined)];
    const shop = await startShop([definition]);
    const { result } = await shop.begin(definition, { text: "lamp" });
    await shop.pass(3_500);
    expect(await result).toMatchObject({ status: "compensated", failure: { step: "ship", kind: "timeout" } });
    expect(did).toEqual(["pay", "ship", "refund"]);
  });

  test("does not count for a step that may not be given up", async () => {
    const { definition, fates } = purchase({ timeoutMs: 3_000, ship: { onFailure: "park" } });
    fates.ship = often(8, throwing(down));
    const shop = await startShop([definition]);
    const { id } = await shop.begin(definition, { text: "lamp" }, { forMs: 0 });
    await shop.pass(120_000);
    // It is late when it comes to the last step, which is given up: what was paid is paid back.
    expect(await shop.saga(id)).toMatchObject({ state: SagaState.COMPENSATED, failure: { step: "note" } });
  });

  test("of the caller that is over, or whose call ends, changes nothing", async () => {
    const { definition, fates } = purchase();
    const shipped = Promise.withResolvers<undefined>();
    fates.ship = [() => shipped.promise];
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" }, { forMs: 1_000 });
    await shop.pass(1_100);
    expect(await result).toEqual({ id, status: "running", failure: undefined });
    shipped.resolve(undefined);
    await shop.pass(100);
    expect((await shop.saga(id)).state).toBe(SagaState.COMPLETED);
  });
});

describe("a compensation that keeps failing", () => {
  const parked = async () => {
    const made = purchase();
    made.fates.ship = [() => refuse("NO_ADDRESS")];
    made.fates.refund = often(40, throwing(down));
    const shop = await startShop([made.definition]);
    const { id, result } = await shop.begin(made.definition, { text: "lamp" }, { forMs: 7_200_000 });
    await shop.pass(7_200_000);
    return { ...made, shop, id, result: await result };
  };

  test("is parked after forty attempts, told once as an error, and not tried again by itself", async () => {
    const { shop, id, result, did } = await parked();
    expect(result).toMatchObject({ status: "parked", failure: { reason: "NO_ADDRESS" } });
    expect(did.filter((what) => what === "refund")).toHaveLength(40);
    const saga = await shop.saga(id);
    expect(saga.state).toBe(SagaState.PARKED);
    expect([saga.endTime, saga.nextAttemptTime]).toEqual([undefined, undefined]);
    expect(saga.steps[0]).toMatchObject({
      state: SagaStepState.PARKED,
      compensation: { attempts: 40, lastError: "UNAVAILABLE CLOSED (shop.v1)" },
    });
    const errors = shop.log.filter(({ level }) => level === "error");
    expect(errors).toMatchObject([{ msg: "a saga is parked", sagaId: id }]);
    await shop.pass(600_000);
    expect(did.filter((what) => what === "refund")).toHaveLength(40);
    expect(await shop.notes()).toEqual([]);
  });

  test("goes on when an operator says so, and no saga that has ended does", async () => {
    const { shop, id, did } = await parked();
    expect((await shop.client.retrySaga({ sagaId: id })).saga?.state).toBe(SagaState.COMPENSATING);
    await shop.pass(100);
    expect((await shop.saga(id)).state).toBe(SagaState.COMPENSATED);
    expect(did.at(-1)).toBe("refund");
    expect(await expectFailure(shop.client.retrySaga({ sagaId: id }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "SAGA_ENDED",
      metadata: { state: "COMPENSATED" },
    });
    expect(await expectFailure(shop.client.retrySaga({ sagaId: "sag_0" }))).toMatchObject({
      code: "NotFound",
      reason: "SAGA_NOT_FOUND",
    });
  });
});

describe("an action that may not be given up", () => {
  test("is parked when it fails for good, with what was done before it, and goes on when it is set going", async () => {
    const { definition, did, fates } = purchase({ ship: { onFailure: "park" } });
    fates.ship = [throwing(no)];
    const shop = await startShop([definition]);
    const { id, result } = await shop.begin(definition, { text: "lamp" });
    expect(await result).toMatchObject({ status: "parked", failure: { step: "ship" } });
    expect(did).toEqual(["pay", "ship"]);
    // Its key is taken until it has ended.
    const again = await shop.begin(definition, { text: "lamp" }, { forMs: 0 });
    expect(again.id).toBe(id);
    await shop.client.retrySaga({ sagaId: id });
    await shop.pass(100);
    const saga = await shop.saga(id);
    expect(saga.state).toBe(SagaState.COMPLETED);
    expect(saga.failure).toBeUndefined();
    expect(did).toEqual(["pay", "ship", "ship", "note"]);
  });
});

describe("a restart", () => {
  test("goes on with what the row says, and undoes what an attempt that was cut off may have done", async () => {
    const dataFolder = freshFolder();
    const before = purchase();
    before.fates.pay = [() => new Promise(() => undefined)];
    const first = await startShop([before.definition], { dataFolder });
    const { id } = await first.begin(before.definition, { text: "lamp" }, { forMs: 0 });
    await first.pass(100);
    await first.stop();
    const after = purchase();
    after.fates.pay = [throwing(no)];
    const second = await startShop([after.definition], { dataFolder });
    await second.pass(3_000);
    expect((await second.saga(id)).state).toBe(SagaState.COMPENSATED);
    expect(after.did).toEqual(["pay", "refund"]);
    expect([...after.ids]).toEqual([...before.ids]);
  });

  test("with a release that does not know what is under way is refused, and says what to do", async () => {
    const dataFolder = freshFolder();
    const { definition, fates } = purchase();
    fates.ship = often(100, throwing(down));
    const first = await startShop([definition], { dataFolder });
    await first.begin(definition, { text: "lamp" }, { forMs: 0 });
    await first.stop();
    const newer = purchase({ version: 2 }).definition;
    const start = startShop([newer], { dataFolder });
    await expect(start).rejects.toThrow(StartError);
    await expect(start).rejects.toThrow(/1 of buy@1\.\nNext step: start the release that began them/);
    // Beside the new one it ends on the version that it began with.
    const { definition: kept, did } = purchase();
    const both = await startShop([newer, kept], { dataFolder });
    await both.pass(5_000);
    expect(did).toEqual(["ship", "note"]);
  });

  test("of another process on the same store takes a saga over, and the slower of the two lets go of it", async () => {
    const dataFolder = freshFolder();
    const slow = purchase();
    const paid = Promise.withResolvers<undefined>();
    slow.fates.pay = [() => paid.promise];
    const first = await startShop([slow.definition], { dataFolder });
    const { id, result } = await first.begin(slow.definition, { text: "lamp" }, { forMs: 600_000 });
    const quick = purchase();
    const second = await startShop([quick.definition], { dataFolder });
    await second.pass(3_000);
    expect((await second.saga(id)).state).toBe(SagaState.COMPLETED);
    paid.resolve(undefined);
    await first.pass(3_000);
    expect((await result).status).toBe("completed");
    expect(await first.notes()).toHaveLength(1);
    expect([...slow.ids]).toEqual([...quick.ids]);
  });
});

test("a service declares its sagas once, each version once", async () => {
  const { definition } = purchase();
  await expect(startShop([definition, definition])).rejects.toThrow("shop defines the saga buy@1 twice");
});

test("lists hold every saga once, latest first, whatever the filter and the page size", async () => {
  const good = purchase();
  const other = defineSaga<{ readonly text: string }>({
    name: "sell",
    version: 1,
    timeoutMs: 1_000,
    steps: [{ name: "sell", action: async () => refuse("NO") }],
  });
  const shop = await startShop([good.definition, other]);
  const all: { id: string; name: string; key: string; state: SagaState }[] = [];
  for (let i = 0; i < 9; i++) {
    const name = i % 3 === 0 ? "sell" : "buy";
    const key = `key-${i}`;
    const { id, result } = await (name === "sell"
      ? shop.begin(other, { text: "" }, { key })
      : shop.begin(good.definition, { text: "" }, { key }));
    await result;
    all.unshift({ id, name, key, state: name === "sell" ? SagaState.COMPENSATED : SagaState.COMPLETED });
  }
  const filters: { name?: string; key?: string; states?: SagaState[] }[] = [
    {},
    { name: "sell" },
    { name: "buy", states: [SagaState.COMPLETED, SagaState.PARKED] },
    { states: [SagaState.COMPENSATED] },
    { states: [SagaState.COMPLETED] },
    { states: [SagaState.COMPLETED, SagaState.COMPENSATED] },
    { key: "key-4" },
    { key: "key-4", name: "sell" },
    { key: "key-4", states: [SagaState.COMPLETED] },
    { name: "nothing" },
  ];
  for (const filter of filters) {
    const expected = all
      .filter(({ name }) => filter.name === undefined || name === filter.name)
      .filter(({ key }) => filter.key === undefined || key === filter.key)
      .filter(({ state }) => filter.states === undefined || filter.states.includes(state))
      .map(({ id }) => id);
    for (const pageSize of [1, 2, 500]) {
      const ids: string[] = [];
      for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
        const page = await shop.client.listSagas({ ...filter, pageSize, pageToken });
        ids.push(...page.sagas.map(({ id }) => id));
        pageToken = page.nextPageToken;
      }
      expect(ids, JSON.stringify(filter)).toEqual(expected);
    }
  }
  const { nextPageToken: pageToken } = await shop.client.listSagas({ pageSize: 1 });
  expect(await expectFailure(shop.client.listSagas({ pageToken, name: "buy" }))).toMatchObject({
    reason: "PAGE_TOKEN_INVALID",
  });
});
