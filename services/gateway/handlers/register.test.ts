import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Instance,
  type RegisterRequest,
  RegisterRequestSchema,
  type RegisterResponse,
  RegistryService,
  ServingState,
} from "@heddle/contracts/heddle/registry/v1";
import { fail, reasons } from "@heddle/mesh/contract";
import { createOutbound } from "@heddle/mesh/discovery";
import { systemRuntime } from "@heddle/mesh/runtime";
import { expectFailure, fakeTime, startTestService } from "@heddle/mesh/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { contractOf, instanceOf, type TestContract } from "../fixtures/contract.ts";
import { silent } from "../fixtures/start-gateway.ts";
import { createContracts } from "../registry/contracts.ts";
import { createInstances } from "../registry/instances.ts";
import { gateway } from "../service.ts";
import { register } from "./register.ts";

const one = contractOf("loom.v1", { LoomService: ["Weave"] });
const two = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] });

const start = async () => {
  const time = fakeTime();
  const service = await startTestService(gateway, { runtime: { ...systemRuntime(), ...time } });
  onTestFinished(async () => {
    const stopped = service.stop();
    await time.advance(2_000);
    await stopped;
  });
  const client = service.client(RegistryService);

  /** A conversation from the instance's side, which reads whatever it is told. */
  const talk = () => {
    const outbound = createOutbound<RegisterRequest>();
    const stop = new AbortController();
    const heard = createOutbound<RegisterResponse>();
    const end = (async () => {
      for await (const answer of client.register(outbound.messages, { signal: stop.signal })) heard.push(answer);
    })().finally(heard.end);
    end.catch(() => undefined);
    const answers = heard.messages[Symbol.asyncIterator]();
    return {
      say: (body: RegisterRequest["body"]) => outbound.push(create(RegisterRequestSchema, { body })),
      /** The next answer's kind and value. */
      next: async () => {
        const { value, done } = await answers.next();
        return done ? undefined : value.body;
      },
      /** How the conversation fails in the end. */
      failure: () => expectFailure(end),
      leave: () => outbound.end(),
      vanish: () => stop.abort(),
    };
  };
  const offer = (instance: Instance): RegisterRequest["body"] => ({ case: "instance", value: instance });
  const bring = ({ contract }: TestContract): RegisterRequest["body"] => ({ case: "contract", value: contract });
  const beat = (state: ServingState): RegisterRequest["body"] => ({
    case: "heartbeat",
    value: { $typeName: "heddle.registry.v1.Heartbeat", state },
  });
  /** An instance that has gone through the whole conversation. */
  const enter = async (instanceId: string, ...contracts: TestContract[]) => {
    const conversation = talk();
    conversation.say(offer(instanceOf(instanceId, ...contracts)));
    for (;;) {
      const answer = await conversation.next();
      if (answer?.case === "contractsNeeded") {
        for (const contract of contracts) {
          if (answer.value.contractHashes.includes(contract.offer.contractHash)) conversation.say(bring(contract));
        }
      }
      if (answer === undefined || answer.case === "admitted") return conversation;
    }
  };
  const entered = async () => (await client.listInstances({})).instances.map(({ instanceId }) => instanceId);
  return { time, client, talk, offer, bring, beat, enter, entered, log: service.log };
};

test("the steps are: instance, registered, contracts needed, contracts, admitted", async () => {
  const { talk, offer, bring, entered } = await start();
  const conversation = talk();
  conversation.say(offer(instanceOf("a", one)));
  expect(await conversation.next()).toMatchObject({
    case: "registered",
    value: { leaseId: expect.stringMatching(/^lse_/), heartbeatInterval: { seconds: 5n } },
  });
  expect(await conversation.next()).toMatchObject({
    case: "contractsNeeded",
    value: { contractHashes: [one.offer.contractHash] },
  });
  expect(await entered()).toEqual([]);
  conversation.say(bring(one));
  expect(await conversation.next()).toMatchObject({ case: "admitted", value: { packages: ["loom.v1"] } });
  expect(await entered()).toEqual(["a"]);
});

test("a contract that is known is not asked for again", async () => {
  const { talk, offer, enter } = await start();
  await enter("a", one);
  const conversation = talk();
  conversation.say(offer(instanceOf("b", one)));
  expect((await conversation.next())?.case).toBe("registered");
  expect((await conversation.next())?.case).toBe("admitted");
});

describe("an instance is entered", () => {
  test("until it ends its half of the stream, and then hears the end", async () => {
    const { enter, entered } = await start();
    const conversation = await enter("a", one);
    conversation.leave();
    expect(await conversation.next()).toBeUndefined();
    expect(await entered()).toEqual([]);
  });

  test("until it vanishes", async () => {
    const { enter, entered } = await start();
    const conversation = await enter("a", one);
    conversation.vanish();
    await expect.poll(entered).toEqual([]);
  });

  test("until it was silent for 15 seconds, and every heartbeat begins them anew", async () => {
    const { enter, entered, beat, time, log } = await start();
    const conversation = await enter("a", one);
    const failure = conversation.failure();
    for (let i = 0; i < 4; i++) {
      await time.advance(14_000);
      conversation.say(beat(ServingState.SERVING));
      await time.advance(1);
    }
    expect(await entered()).toEqual(["a"]);
    await time.advance(14_998);
    expect(await entered()).toEqual(["a"]);
    await time.advance(1);
    expect(await failure).toMatchObject({
      code: "DeadlineExceeded",
      reason: "HEARTBEAT_MISSED",
      metadata: { instanceId: "a", silentMs: "15000" },
    });
    expect(await entered()).toEqual([]);
    expect(log.filter(({ msg }) => msg === "instance left")).toHaveLength(1);
  });

  test("and leaves no timer behind", async () => {
    const { enter, time, beat } = await start();
    const before = time.pending();
    const conversation = await enter("a", one);
    for (let i = 0; i < 5; i++) conversation.say(beat(ServingState.SERVING));
    await expect.poll(() => time.pending()).toBe(before + 1);
    conversation.leave();
    expect(await conversation.next()).toBeUndefined();
    expect(time.pending()).toBe(before);
  });
});

test("one that never says who it is, is not waited for", async () => {
  const { talk, time } = await start();
  const failure = talk().failure();
  await expect.poll(() => time.pending()).toBeGreaterThan(0);
  await time.advance(15_000);
  expect(await failure).toMatchObject({ reason: "HEARTBEAT_MISSED" });
});

test("a heartbeat says whether it takes calls", async () => {
  const { enter, beat, client } = await start();
  const conversation = await enter("a", one);
  conversation.say(beat(ServingState.DRAINING));
  await expect.poll(async () => (await client.listInstances({})).instances[0]?.state).toBe(ServingState.DRAINING);
});

test("an instance that takes its time may send heartbeats before its contracts", async () => {
  const { talk, offer, bring, beat, time } = await start();
  const conversation = talk();
  conversation.say(offer(instanceOf("a", one)));
  for (let i = 0; i < 3; i++) {
    await time.advance(10_000);
    conversation.say(beat(ServingState.STARTING));
  }
  conversation.say(bring(one));
  for (const step of ["registered", "contractsNeeded", "admitted"])
    expect((await conversation.next())?.case).toBe(step);
});

describe("a message out of order ends the conversation, and names what was expected:", () => {
  const outOfOrder = (expected: string, actual: string) => ({
    code: "InvalidArgument",
    reason: "MESSAGE_OUT_OF_ORDER",
    metadata: { expected, actual },
  });

  test("something else first", async () => {
    const { talk, bring, beat, entered } = await start();
    for (const [body, kind] of [
      [bring(one), "contract"],
      [beat(ServingState.SERVING), "heartbeat"],
    ] as const) {
      const conversation = talk();
      conversation.say(body);
      expect(await conversation.failure()).toMatchObject(outOfOrder("instance", kind));
    }
    const silent = talk();
    silent.leave();
    expect(await silent.failure()).toMatchObject(outOfOrder("instance", "the end of the stream"));
    expect(await entered()).toEqual([]);
  });

  test("no contract where one is needed", async () => {
    const { talk, offer, entered } = await start();
    const again = talk();
    again.say(offer(instanceOf("a", one)));
    again.say(offer(instanceOf("a", one)));
    expect(await again.failure()).toMatchObject(outOfOrder("contract", "instance"));
    const ended = talk();
    ended.say(offer(instanceOf("a", one)));
    ended.leave();
    expect(await ended.failure()).toMatchObject(outOfOrder("contract", "the end of the stream"));
    expect(await entered()).toEqual([]);
  });

  test("anything but heartbeats from then on", async () => {
    const { enter, offer, bring, entered } = await start();
    for (const [body, kind] of [
      [offer(instanceOf("b", one)), "instance"],
      [bring(one), "contract"],
    ] as const) {
      const conversation = await enter("a", one);
      conversation.say(body);
      expect(await conversation.failure()).toMatchObject(outOfOrder("heartbeat", kind));
      expect(await entered()).toEqual([]);
    }
  });

  test("a message without a body", async () => {
    const { talk } = await start();
    const conversation = talk();
    conversation.say({ case: undefined });
    expect(await conversation.failure()).toMatchObject({ code: "InvalidArgument", reason: "VALIDATION_FAILED" });
  });
});

describe("an instance is refused, and changes nothing,", () => {
  test("when its contract has another hash than it claims", async () => {
    const { talk, offer, entered } = await start();
    const conversation = talk();
    conversation.say(offer(instanceOf("a", one)));
    conversation.say({ case: "contract", value: { ...two.contract, contractHash: one.offer.contractHash } });
    expect(await conversation.failure()).toMatchObject({
      code: "InvalidArgument",
      reason: "CONTRACT_HASH_MISMATCH",
      metadata: { actual: two.offer.contractHash, claimed: one.offer.contractHash },
    });
    expect(await entered()).toEqual([]);
  });

  test("when it sends another contract than the one that is needed", async () => {
    const { talk, offer, bring } = await start();
    const conversation = talk();
    conversation.say(offer(instanceOf("a", one)));
    conversation.say(bring(two));
    expect(await conversation.failure()).toMatchObject({ reason: "CONTRACT_INCOMPLETE" });
  });

  test("when it offers what the gateway serves itself", async () => {
    const { talk, offer } = await start();
    for (const name of [
      "heddle.registry.v1.RegistryService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]) {
      const instance = instanceOf("a", one);
      instance.packages = [{ ...one.offer, services: ["loom.v1.LoomService", name] }];
      const conversation = talk();
      conversation.say(offer(instance));
      expect(await conversation.failure()).toMatchObject({
        code: "PermissionDenied",
        reason: "SERVICE_RESERVED",
        metadata: { service: name },
      });
    }
  });

  test("when its id is entered already, by an instance that stays", async () => {
    const { enter, talk, offer, bring, entered, client, log } = await start();
    await enter("a", one);
    const conversation = talk();
    conversation.say(offer(instanceOf("a", two)));
    conversation.say(bring(two));
    expect(await conversation.failure()).toMatchObject({ code: "AlreadyExists", reason: "INSTANCE_ENTERED" });
    expect(await entered()).toEqual(["a"]);
    const { contract } = await client.getContract({ lookup: { case: "package", value: "loom.v1" } });
    expect(contract?.contractHash).toBe(one.offer.contractHash);
    expect(log.filter(({ msg }) => msg === "instance left")).toEqual([]);
  });

  test("when its second package lacks a service, although its first is right", async () => {
    const { enter, talk, offer, bring, client } = await start();
    await enter("a", one);
    const instance = instanceOf("b", two);
    instance.packages.push({ ...two.offer, name: "mill.v1", services: ["mill.v1.MillService"] });
    const conversation = talk();
    conversation.say(offer(instance));
    conversation.say(bring(two));
    expect(await conversation.failure()).toMatchObject({ reason: "CONTRACT_INCOMPLETE" });
    const { contract } = await client.getContract({ lookup: { case: "package", value: "loom.v1" } });
    expect(contract?.contractHash).toBe(one.offer.contractHash);
  });

  test.each(["[fe80::1%25en0]:80", "[fe80::1%en0]:80", "1.2.3.4.0x7f:80", "127.0.0.1", "127.0.0.1:99999", "a b:80"])(
    "when %s is its address",
    async (address) => {
      const { talk, offer, entered } = await start();
      const conversation = talk();
      conversation.say(offer({ ...instanceOf("a", one), address }));
      const { code, reason } = await conversation.failure();
      expect([code, ["VALIDATION_FAILED", "ADDRESS_INVALID"].includes(reason ?? "")]).toEqual([
        "InvalidArgument",
        true,
      ]);
      expect(await entered()).toEqual([]);
    },
  );
});

test("a drain ends leases with UNAVAILABLE, so that instances register elsewhere", async () => {
  const time = fakeTime();
  const service = await startTestService(gateway, { runtime: { ...systemRuntime(), ...time } });
  const outbound = createOutbound<RegisterRequest>();
  outbound.push(create(RegisterRequestSchema, { body: { case: "instance", value: instanceOf("a", one) } }));
  const answers = service.client(RegistryService).register(outbound.messages)[Symbol.asyncIterator]();
  await answers.next();
  await answers.next();
  const failure = expectFailure(answers.next());
  const stopped = service.stop();
  await time.advance(2_000);
  expect(await failure).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
  await stopped;
});

describe("an instance whose lease ends", () => {
  const ended = async (reason: unknown): Promise<number> => {
    const instances = createInstances();
    const contracts = createContracts();
    contracts.add(one.contract);
    const stop = new AbortController();
    const outbound = createOutbound<RegisterRequest>();
    outbound.push(create(RegisterRequestSchema, { body: { case: "instance", value: instanceOf("a", one) } }));
    const handle = register({
      instances,
      contracts,
      admission: {
        recall: async () => undefined,
        decide: async () => ({ admitted: true, inForce: [], outcomes: [] }),
        isPending: () => false,
      },
      reserved: [],
      timers: fakeTime().timers,
      ids: systemRuntime().ids,
      log: silent,
    });
    const answers = handle(outbound.messages, { signal: stop.signal } as Parameters<typeof handle>[1]);
    const said = (answers as AsyncIterable<RegisterResponse>)[Symbol.asyncIterator]();
    await said.next();
    await said.next();
    expect(instances.list()).toHaveLength(1);
    const failure = expectFailure(said.next());
    stop.abort(reason);
    await failure;
    return instances.list().length;
  };

  test("leaves, but stays where the gateway itself stops: calls that are on their way still go to it", async () => {
    expect(await ended(new ConnectError("the caller is gone", Code.Canceled))).toBe(0);
    const draining = reasons("heddle.mesh")("DRAINING", Code.Unavailable, "This instance is stopping.");
    expect(await ended(fail(draining, {}))).toBe(1);
  });
});
