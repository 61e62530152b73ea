import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type RegisterRequest, RegisterRequestSchema, RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { type Rule, RuleState, TrafficService } from "@heddle/contracts/heddle/traffic/v1";
import { createOutbound } from "@heddle/mesh/discovery";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expectFailure, fakeTime, startTestService } from "@heddle/mesh/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { contractOf, instanceOf } from "../fixtures/contract.ts";
import { gateway } from "../service.ts";

const loom = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] });
const TARGET = "loom.v1.LoomService/Weave";

const start = async (dataFolder?: string) => {
  const time = fakeTime();
  const runtime = { ...systemRuntime(), ...time };
  const service = await startTestService(gateway, { runtime, ...(dataFolder && { dataFolder }) });
  let stopped: Promise<unknown> | undefined;
  const stopOnce = async (): Promise<void> => {
    stopped ??= Promise.all([service.stop(), time.advance(2_000)]);
    await stopped;
  };
  onTestFinished(stopOnce);
  const outbound = createOutbound<RegisterRequest>();
  const say = (body: RegisterRequest["body"]) => outbound.push(create(RegisterRequestSchema, { body }));
  say({ case: "instance", value: instanceOf("i1", loom) });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  for await (const { body } of service.client(RegistryService).register(outbound.messages, { signal: stop.signal })) {
    if (body.case === "contractsNeeded") say({ case: "contract", value: loom.contract });
    if (body.case === "admitted") break;
  }
  return { ...service, stop: stopOnce, time, traffic: service.client(TrafficService) };
};

const split = (versions: Readonly<Record<string, number>>, service = "loom") => ({
  kind: {
    case: "split" as const,
    value: { service, versions: Object.entries(versions).map(([version, weight]) => ({ version, weight })) },
  },
});
const mirror = (version: string, methods: string[] = []) => ({
  kind: { case: "mirror" as const, value: { service: "loom", version, percent: 5, methods } },
});
const fault = (target = TARGET) => ({
  kind: { case: "fault" as const, value: { target, percent: 100, abortCode: Code.Unavailable } },
});

describe("a rule is on the record:", () => {
  test("who made it and why, and who ended it", async () => {
    const { traffic } = await start();
    const { rules } = await traffic.createRules({ actions: [split({ a: 1 })], reason: "try the new one" });
    expect(rules).toMatchObject([
      { id: expect.stringMatching(/^rul_/), reason: "try the new one", creator: "local", state: RuleState.ACTIVE },
    ]);
    const { rules: ended } = await traffic.endRules({ ruleIds: [rules[0]?.id ?? ""] });
    expect(ended).toMatchObject([{ state: RuleState.ENDED, ender: "local" }]);
    expect((await traffic.listRules({})).rules).toMatchObject([{ state: RuleState.ENDED, endTime: {} }]);
    expect((await traffic.listRules({ active: true })).rules).toEqual([]);
  });

  test("a newer split takes the place of the one before, and not of another service's or of a mirror", async () => {
    const { traffic } = await start();
    await traffic.createRules({ actions: [split({ a: 1 }), split({ x: 1 }, "mill"), mirror("b"), fault(), fault()] });
    await traffic.createRules({ actions: [split({ b: 1 })] });
    const { rules } = await traffic.listRules({});
    expect(rules.map(({ action, state }) => [action?.kind.case, RuleState[state]])).toEqual([
      ["split", "ACTIVE"],
      ["fault", "ACTIVE"],
      ["fault", "ACTIVE"],
      ["mirror", "ACTIVE"],
      ["split", "ACTIVE"],
      ["split", "REPLACED"],
    ]);
  });

  test("it outlives the gateway", async () => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-traffic-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const before = await start(folder);
    await before.traffic.createRules({ actions: [split({ a: 1 }), fault()] });
    await before.stop();
    const after = await start(folder);
    const [first] = await collect(after.traffic.watchRules({}), 1);
    expect(first?.rules.map(({ action }) => action?.kind.case)).toEqual(["split", "fault"]);
  });

  test("lists go on where the page before ended", async () => {
    const { traffic } = await start();
    for (const version of ["a", "b", "c"]) await traffic.createRules({ actions: [split({ [version]: 1 })] });
    const first = await traffic.listRules({ pageSize: 2 });
    const second = await traffic.listRules({ pageSize: 2, pageToken: first.nextPageToken });
    const states = [...first.rules, ...second.rules].map(({ state }) => RuleState[state]);
    expect(states).toEqual(["ACTIVE", "REPLACED", "REPLACED"]);
    expect(second.nextPageToken).toBe("");
  });
});

test("faults end by themselves, after 10 minutes where nobody says", async () => {
  const { traffic, time } = await start();
  await traffic.createRules({ actions: [fault(), split({ a: 1 })] });
  await time.advance(10 * 60_000 - 1_000);
  expect((await traffic.listRules({ active: true })).rules).toHaveLength(2);
  await time.advance(2_000);
  const { rules } = await traffic.listRules({});
  expect(rules.map(({ state }) => RuleState[state])).toEqual(["ACTIVE", "EXPIRED"]);
});

test("the splits, routes and mirrors of a service end together, faults not", async () => {
  const { traffic } = await start();
  await traffic.createRules({ actions: [split({ a: 1 }), mirror("b"), split({ x: 1 }, "mill"), fault()] });
  const { rules } = await traffic.endRules({ service: "loom" });
  expect(rules.map(({ action }) => action?.kind.case)).toEqual(["mirror", "split"]);
  expect((await traffic.listRules({ active: true })).rules).toHaveLength(2);
  expect((await traffic.endRules({ service: "loom" })).rules).toEqual([]);
});

test("whoever watches gets all rules in force at each change, also when one ends by itself", async () => {
  const { traffic, time } = await start();
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const messages = traffic.watchRules({}, { signal: stop.signal })[Symbol.asyncIterator]();
  const kinds = async () => {
    const { value } = await messages.next();
    return value?.rules.map(({ action }: Rule) => action?.kind.case);
  };
  expect(await kinds()).toEqual([]);
  const { rules } = await traffic.createRules({ actions: [split({ a: 1 })] });
  expect(await kinds()).toEqual(["split"]);
  await traffic.createRules({ actions: [fault()], lifetime: { seconds: 60n } });
  expect(await kinds()).toEqual(["split", "fault"]);
  await traffic.endRules({ ruleIds: [rules[0]?.id ?? ""] });
  expect(await kinds()).toEqual(["fault"]);
  await time.advance(61_000);
  expect(await kinds()).toEqual([]);
});

describe("refused, and nothing is made:", () => {
  const refusals = {
    "a split without a weight": [{ actions: [split({ a: 0 })] }, "VALIDATION_FAILED"],
    "a split that names a version twice": [
      {
        actions: [
          {
            kind: {
              case: "split" as const,
              value: {
                service: "loom",
                versions: [
                  { version: "a", weight: 1 },
                  { version: "a", weight: 2 },
                ],
              },
            },
          },
        ],
      },
      "VALIDATION_FAILED",
    ],
    "a fault that does nothing": [
      { actions: [{ kind: { case: "fault" as const, value: { target: TARGET, percent: 1 } } }] },
      "VALIDATION_FAILED",
    ],
    "a method that no contract has": [{ actions: [fault("loom.v1.LoomService/Weaf")] }, "TARGET_NOT_FOUND"],
    "what the gateway serves itself": [{ actions: [fault("heddle.traffic.v1.TrafficService")] }, "TARGET_IS_GATEWAY"],
    "a mirror of a method that no contract has": [{ actions: [mirror("b", ["a.v1.B/C"])] }, "TARGET_NOT_FOUND"],
    "a fault for more than a day": [{ actions: [fault()], lifetime: { seconds: 86_401n } }, "FAULT_LIFETIME_TOO_LONG"],
    "two splits of one service": [{ actions: [split({ a: 1 }), split({ b: 1 })] }, "RULES_OVERLAP"],
  } as const;

  test.each(Object.entries(refusals))("%s", async (_, [request, reason]) => {
    const { traffic } = await start();
    const failure = await expectFailure(traffic.createRules(request as never));
    expect(failure.reason).toBe(reason);
    expect((await traffic.listRules({})).rules).toEqual([]);
  });

  test("more than 200 at once", async () => {
    const { traffic } = await start();
    const sixteen = () => traffic.createRules({ actions: Array.from({ length: 16 }, () => fault()) });
    for (let times = 0; times < 12; times++) await sixteen();
    expect(await expectFailure(sixteen())).toMatchObject({ code: "ResourceExhausted", reason: "RULES_FULL" });
    expect((await traffic.listRules({ pageSize: 500 })).rules).toHaveLength(192);
  });

  test("an end of a rule that there is not", async () => {
    const { traffic } = await start();
    const { rules } = await traffic.createRules({ actions: [fault()] });
    const ruleIds = [rules[0]?.id ?? "", "rul_none"];
    expect(await expectFailure(traffic.endRules({ ruleIds }))).toMatchObject({ reason: "RULE_NOT_FOUND" });
    expect((await traffic.listRules({ active: true })).rules).toHaveLength(1);
  });
});

/** The first messages of a stream. */
const collect = async <T>(stream: AsyncIterable<T>, count: number): Promise<T[]> => {
  const messages: T[] = [];
  for await (const message of stream) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
};
