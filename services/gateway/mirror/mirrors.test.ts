import { Code, createClient } from "@connectrpc/connect";
import { DifferenceKind } from "@heddle/contracts/heddle/traffic/v1";
import { UsageService } from "@heddle/contracts/heddle/usage/v1";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { contractOf } from "../fixtures/contract.ts";
import { startVersions, type Woven } from "../fixtures/start-versions.ts";

/** Time enough for a machine that does other things as well. */
const PATIENCE = { timeout: 10_000, interval: 20 };

/** What the mirrored version does; set by each test. */
let answer: (mirrored: string | null) => Woven | Promise<Woven>;
let asked = 0;
let mesh: Awaited<ReturnType<typeof startVersions>>;

beforeAll(async () => {
  mesh = await startVersions();
  await mesh.enter("1.3.0", () => ({ colour: "red" }));
  await mesh.enter("1.4.0", ({ requestHeader }) => {
    asked++;
    return answer(requestHeader.get("heddle-mirrored"));
  });
});
afterEach(async () => {
  asked = 0;
  await mesh.traffic.endRules({ service: "loom" });
});
afterAll(() => mesh.stop());

/** All calls go to 1.3.0, and are copied to 1.4.0. */
const mirror = (percent = 100) =>
  mesh.traffic.createRules({
    actions: [
      { kind: { case: "split", value: { service: "loom", versions: [{ version: "1.3.0", weight: 1 }] } } },
      { kind: { case: "mirror", value: { service: "loom", version: "v1.4.0", percent } } },
    ],
  });

/** How the copies compare, once `count` were looked at. */
const compared = async (count: number) => {
  const list = async () => (await mesh.traffic.listComparisons({ service: "loom" })).comparisons;
  return vi.waitFor(async () => {
    const [comparison] = await list();
    expect(Number((comparison?.compared ?? 0n) + (comparison?.skipped ?? 0n))).toBe(count);
    return comparison;
  }, PATIENCE);
};

describe.each([
  ["gRPC", async () => (await mesh.loom.weave({})).colour],
  ["JSON", () => mesh.json()],
])("a call by %s", (_, weave) => {
  test("is answered by its version, and a copy of the same shape counts as the same, whatever its values", async () => {
    const marks: (string | null)[] = [];
    answer = (mark) => {
      marks.push(mark);
      return { colour: "blue" };
    };
    await mirror();
    expect(await Promise.all(Array.from({ length: 10 }, weave))).toEqual(Array.from({ length: 10 }, () => "red"));
    const comparison = await compared(10);
    expect(comparison).toMatchObject({
      service: "loom",
      version: "1.4.0",
      method: "loom.v1.LoomService/Weave",
      same: 10n,
      skipped: 0n,
      differences: [],
    });
    expect(marks).toEqual(Array.from({ length: 10 }, () => "1"));
  });

  test("whose copy has other fields is told by their names, without values", async () => {
    answer = () => ({ length: "secret" });
    await mirror();
    expect(await weave()).toBe("red");
    const comparison = await compared(1);
    expect(comparison?.differences.map(({ kind, subject, calls }) => [DifferenceKind[kind], subject, calls])).toEqual([
      ["MISSING", "colour", 1n],
      ["ADDED", "length", 1n],
    ]);
    expect(JSON.stringify(comparison?.differences.map(({ subject }) => subject))).not.toContain("secret");
  });

  test("whose copy fails is answered all the same", async () => {
    answer = () => ({ code: Code.NotFound });
    await mirror();
    expect(await weave()).toBe("red");
    const comparison = await compared(1);
    expect(comparison?.differences).toMatchObject([{ kind: DifferenceKind.STATUS, subject: "ok, not_found" }]);
  });

  test("whose copy fails for the moment is sent no second copy, and says nothing", async () => {
    answer = () => ({ code: Code.Unavailable });
    await mirror();
    expect(await weave()).toBe("red");
    expect(await compared(1)).toMatchObject({ compared: 0n, skipped: 1n });
    expect(asked).toBe(1);
  });

  test("does not wait for a copy that hangs, and is answered when there is no room for more copies", async () => {
    const release = Promise.withResolvers<void>();
    answer = async () => {
      await release.promise;
      return { colour: "blue" };
    };
    await mirror();
    for (let round = 0; round < 3; round++) {
      expect(await Promise.all(Array.from({ length: 50 }, weave))).toEqual(Array.from({ length: 50 }, () => "red"));
    }
    await vi.waitFor(() => expect(asked).toBe(100), PATIENCE);
    const before = await compared(50);
    expect(before).toMatchObject({ compared: 0n, skipped: 50n });
    release.resolve();
    expect(await compared(150)).toMatchObject({ compared: 100n, same: 100n });
  });

  test("is copied by the share alone", async () => {
    answer = () => ({ colour: "blue" });
    await mirror(10);
    await Promise.all(Array.from({ length: 200 }, weave));
    const comparison = await vi.waitFor(async () => {
      const [found] = (await mesh.traffic.listComparisons({})).comparisons;
      expect(Number(found?.compared)).toBe(asked);
      return found;
    }, PATIENCE);
    // Six standard deviations of 200 draws.
    expect(Math.abs(Number(comparison?.compared) - 20)).toBeLessThan(26);
  });
});

test("a copy is counted for nobody", async () => {
  answer = () => ({ colour: "blue" });
  const usage = createClient(UsageService, mesh.transport);
  const calls = async () => {
    const { methods } = await usage.listMethodUsage({ method: "loom.v1.LoomService/Rest" });
    return methods.reduce((sum, each) => sum + Number(each.calls), 0);
  };
  const before = await calls();
  await mirror();
  await Promise.all(Array.from({ length: 20 }, () => mesh.loom.rest({})));
  await compared(20);
  expect(asked).toBe(20);
  expect((await calls()) - before).toBe(20);
});

test("methods that may have side effects are copied only when they are named", async () => {
  const mill = contractOf("mill.v1", { MillService: ["Grind"] }, { fields: ["colour", "length"] });
  let copies = 0;
  await mesh.enter("1.3.0", () => ({ colour: "flour" }), mill);
  await mesh.enter("1.4.0", () => ({ length: String(++copies) }), mill);
  await mirror();
  const grind = async () => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${mesh.url}/mill.v1.MillService/Grind`, { method: "POST", headers, body: "{}" });
    return response.json();
  };
  expect(await grind()).toEqual({ colour: "flour" });
  const methods = ["mill.v1.MillService/Grind"];
  const value = { service: "loom", version: "1.4.0", percent: 100, methods };
  await mesh.traffic.createRules({ actions: [{ kind: { case: "mirror", value } }] });
  expect(await grind()).toEqual({ colour: "flour" });
  await compared(1);
  expect(copies).toBe(1);
});
