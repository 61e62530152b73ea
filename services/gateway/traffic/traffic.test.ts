import { Code } from "@connectrpc/connect";
import { expectFailure } from "@heddle/mesh/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startVersions } from "../fixtures/start-versions.ts";

let mesh: Awaited<ReturnType<typeof startVersions>>;

beforeAll(async () => {
  mesh = await startVersions();
  for (const version of ["1.3.0", "1.4.0"]) await mesh.enter(version);
});
afterEach(async () => {
  const { rules } = await mesh.traffic.listRules({ active: true });
  if (rules.length > 0) await mesh.traffic.endRules({ ruleIds: rules.map(({ id }) => id) });
});
afterAll(() => mesh.stop());

const weave = async (headers: Record<string, string> = {}): Promise<string> =>
  (await mesh.loom.weave({}, { headers })).colour;

/** How many of `calls` calls at once each version answers. */
const answers = async (calls: number, ask: () => Promise<string>): Promise<Record<string, number>> => {
  const all = await Promise.all(Array.from({ length: calls }, ask));
  return Object.fromEntries([...new Set(all)].sort().map((each) => [each, all.filter((one) => one === each).length]));
};

const split = (versions: Readonly<Record<string, number>>) => ({
  kind: {
    case: "split" as const,
    value: { service: "loom", versions: Object.entries(versions).map(([version, weight]) => ({ version, weight })) },
  },
});
const route = (value: string, version: string) => ({
  kind: { case: "headerRoute" as const, value: { service: "loom", header: { name: "x-canary", value }, version } },
});
const fault = (value: {
  target: string;
  percent?: number;
  abortCode?: number;
  header?: { name: string; value: string };
  delayMs?: number;
}) => ({
  kind: {
    case: "fault" as const,
    value: {
      target: value.target,
      percent: value.percent ?? 100,
      abortCode: value.abortCode ?? 0,
      ...(value.header && { header: value.header }),
      ...(value.delayMs === undefined ? {} : { delay: { seconds: 0n, nanos: value.delayMs * 1e6 } }),
    },
  },
});

test("without rules all versions get calls", async () => {
  expect(Object.keys(await answers(60, () => weave()))).toEqual(["1.3.0", "1.4.0"]);
});

describe("a split", () => {
  test("sends all to the version that has all, by gRPC and by JSON, from the answer to its making on", async () => {
    await mesh.traffic.createRules({ actions: [split({ "v1.3.0": 0, "v1.4.0": 100 })] });
    expect(await answers(100, () => weave())).toEqual({ "1.4.0": 100 });
    expect(await answers(20, () => mesh.json())).toEqual({ "1.4.0": 20 });
  });

  test("shares calls that run at once", async () => {
    await mesh.traffic.createRules({ actions: [split({ "1.3.0": 75, "1.4.0": 25 })] });
    // Six standard deviations of 600 draws: about once in a billion runs.
    const { "1.4.0": share = 0 } = await answers(600, () => weave());
    expect(Math.abs(share - 150)).toBeLessThan(64);
  });

  test("gives the share of a version without instances to the others, and that of none to any", async () => {
    await mesh.traffic.createRules({ actions: [split({ "1.4.0": 10, "9.9.9": 90 })] });
    expect(await answers(30, () => weave())).toEqual({ "1.4.0": 30 });
    await mesh.traffic.createRules({ actions: [split({ "9.9.9": 1 })] });
    expect(Object.keys(await answers(60, () => weave()))).toEqual(["1.3.0", "1.4.0"]);
  });

  test("takes in an instance that comes, and goes on without one that leaves", async () => {
    await mesh.traffic.createRules({ actions: [split({ "1.5.0": 1 })] });
    const leave = await mesh.enter("1.5.0");
    expect(await answers(20, () => weave())).toEqual({ "1.5.0": 20 });
    await leave();
    expect(Object.keys(await answers(60, () => weave()))).toEqual(["1.3.0", "1.4.0"]);
  });
});

test("a header's value sends to a version, before the split, while others call at the same time", async () => {
  await mesh.traffic.createRules({ actions: [split({ "1.3.0": 1 }), route("1", "1.4.0")] });
  const canary = { "x-canary": "1" };
  const [sent, others, translated] = await Promise.all([
    answers(100, () => weave(canary)),
    answers(100, () => weave({ "x-canary": "2" })),
    answers(20, () => mesh.json(canary)),
  ]);
  expect([sent, others, translated]).toEqual([{ "1.4.0": 100 }, { "1.3.0": 100 }, { "1.4.0": 20 }]);
});

describe("a fault", () => {
  test("fails a method with its code, by every protocol, and no other method", async () => {
    const target = "loom.v1.LoomService/Weave";
    const { rules } = await mesh.traffic.createRules({ actions: [fault({ target, abortCode: Code.DataLoss })] });
    expect(await expectFailure(weave())).toMatchObject({
      code: "DataLoss",
      reason: "FAULT_INJECTED",
      domain: "heddle.traffic.v1",
      metadata: { ruleId: rules[0]?.id },
    });
    expect(await mesh.json()).toBe("data_loss");
    expect(await mesh.json({}, "Rest")).toMatch(/^1/);
  });

  test("hits its share of the calls, and those with its header alone", async () => {
    const half = { target: "loom.v1.LoomService", percent: 50, abortCode: Code.Internal };
    await mesh.traffic.createRules({ actions: [fault({ ...half, header: { name: "x-drill", value: "1" } })] });
    expect(Object.keys(await answers(60, () => weave()))).toEqual(["1.3.0", "1.4.0"]);
    const hit = await answers(400, () => weave({ "x-drill": "1" }).catch(() => "failed"));
    expect(Math.abs((hit.failed ?? 0) - 200)).toBeLessThan(60);
  });

  test("holds a call, which then goes on", async () => {
    await mesh.traffic.createRules({ actions: [fault({ target: "loom.v1.LoomService", delayMs: 5 })] });
    expect(await weave()).toMatch(/^1/);
    expect(await mesh.json()).toMatch(/^1/);
  });

  test("ends a call whose time is up while it is held", async () => {
    const long = fault({ target: "loom.v1.LoomService", delayMs: 999 });
    await mesh.traffic.createRules({ actions: [long] });
    expect(await expectFailure(mesh.loom.weave({}, { timeoutMs: 30 }))).toMatchObject({ code: "DeadlineExceeded" });
    expect(await mesh.json({ "connect-timeout-ms": "30" })).toBe("deadline_exceeded");
  });
});
