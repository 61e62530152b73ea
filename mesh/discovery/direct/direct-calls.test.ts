import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, createClient, createContextValues } from "@connectrpc/connect";
import { type Rule, RuleSchema } from "@heddle/contracts/heddle/traffic/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { compileRules } from "../../policy/index.ts";
import { EchoService } from "../../rpc/fixtures/echo-contract.ts";
import { startEcho } from "../../rpc/fixtures/echo-server.ts";
import { type Attempt, addressPool, answersFor, attemptKey, WIRES, type WireChoice } from "../../rpc/index.ts";
import { type Network, systemRuntime } from "../../runtime/index.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { createBalancer } from "../balance/balance.ts";
import type { Candidate } from "../balancer.ts";
import type { Endpoint, EndpointSource } from "../endpoint.ts";
import { createDirectCalls } from "./direct-calls.ts";

const runtime = systemRuntime();

const endpointAt = (port: number, fields: Partial<Endpoint> = {}): Endpoint => ({
  instanceId: `ins_${port}`,
  address: `127.0.0.1:${port}`,
  serviceName: "echo",
  version: "1.0.0",
  locality: "",
  contractHash: "h1",
  ...fields,
});

/** A port at which nobody listens. */
const closedPort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

/** An instance whose open connections are counted. */
const startCounted = async () => {
  let open = 0;
  const network: Network = {
    ...runtime.network,
    listen: (address, accept) =>
      runtime.network.listen(address, (connection) => {
        open++;
        connection.once("close", () => open--);
        accept(connection);
      }),
  };
  const { port } = await startEcho({}, { runtime: { ...runtime, network } });
  return { port, connected: (count: number) => expect.poll(() => open, { timeout: 5_000 }).toBe(count) };
};

/** An instance that answers with `text`, if the call is for the service of this name or for nobody's in particular. */
const startInstance = async (text: string, name = "echo") => {
  const { port, server } = await startEcho({ say: () => ({ text }) }, { around: answersFor(name) });
  return { port, stop: () => server.drain(100) };
};

const start = async ({ wire = "heddle", gatewayPort }: { wire?: WireChoice; gatewayPort?: number } = {}) => {
  const owners: (string | null)[] = [];
  const gateway =
    gatewayPort === undefined
      ? await startEcho({
          say(_, { requestHeader }) {
            owners.push(requestHeader.get("heddle-service"));
            return { text: "gateway" };
          },
        })
      : { port: gatewayPort };
  const clock = fakeClock();
  let tell: (endpoints: readonly Endpoint[]) => void = () => undefined;
  const source: EndpointSource = {
    watch(_, changed) {
      tell = changed;
      changed([]);
      return () => undefined;
    },
  };
  const counted: string[] = [];
  const rules: Rule[] = [];
  const outcomes: string[] = [];
  const direct = createDirectCalls({
    source,
    gateway: addressPool({ host: "127.0.0.1", port: gateway.port }, { wire, runtime }),
    authority: `127.0.0.1:${gateway.port}`,
    wire,
    runtime: { ...runtime, clock: { ...runtime.clock, monotonicMs: () => clock.monotonicMs() } },
    identity: {},
    balancer() {
      const inner = createBalancer({
        random: runtime.random,
        clock: { ...runtime.clock, monotonicMs: () => clock.monotonicMs() },
      });
      const seen = (candidate: Candidate | undefined): Candidate | undefined =>
        candidate && {
          endpoint: candidate.endpoint,
          begin: () => candidate.begin(),
          sent: () => candidate.sent(),
          answered: (sent) => candidate.answered(sent),
          end(outcome, sent) {
            outcomes.push(outcome);
            candidate.end(outcome, sent);
          },
        };
      return {
        update: (endpoints) => inner.update(endpoints),
        among: (fits) => inner.among(fits),
        describe: () => inner.describe(),
        pick: (avoid) => seen(inner.pick(avoid)),
      };
    },
    watched: {
      get rules() {
        return compileRules(rules);
      },
    },
    count: (method) => counted.push(method.name),
  });
  onTestFinished(() => direct.close());
  const of = (name?: string) => createClient(EchoService, direct.transportFor(EchoService, name));
  const say = async (name?: string) => (await of(name).say({ text: "x" })).text;
  of();
  return {
    rules,
    tell: (endpoints: readonly Endpoint[]) => tell(endpoints),
    of,
    say,
    counted,
    outcomes,
    clock,
    owners,
  };
};

describe.each(WIRES)("direct calls, HTTP/2 by %s", (wire) => {
  test("go through the gateway while no instance is known, then to the instance itself", async () => {
    const { port } = await startInstance("one");
    const { tell, say, counted, outcomes } = await start({ wire });
    expect(await say()).toBe("gateway");
    expect(counted).toEqual([]);
    tell([endpointAt(port)]);
    expect(await say()).toBe("one");
    expect(counted).toEqual(["Say"]);
    // The first is the wait for a connection.
    expect(outcomes).toEqual(["left", "ok"]);
    tell([]);
    expect(await say()).toBe("gateway");
    expect(counted).toEqual(["Say"]);
  });

  test("find a connection to each instance, which is there before they are, and goes when it leaves", async () => {
    const [one, other] = [await startCounted(), await startCounted()];
    const { tell } = await start({ wire });
    tell([endpointAt(one.port)]);
    await one.connected(1);
    tell([endpointAt(one.port), endpointAt(other.port)]);
    await other.connected(1);
    await one.connected(1);
    tell([endpointAt(other.port)]);
    await one.connected(0);
    await other.connected(1);
  });

  test("go elsewhere when an instance is no more, and nobody notices", async () => {
    const [one, other] = [await startInstance("one"), await startInstance("other")];
    const { tell, say } = await start({ wire });
    tell([endpointAt(one.port), endpointAt(other.port)]);
    const before = new Set<string>();
    for (let call = 0; call < 50; call++) before.add(await say());
    expect([...before].sort()).toEqual(["one", "other"]);
    await one.stop();
    for (let call = 0; call < 50; call++) expect(await say()).toBe("other");
  });

  test("streams are carried, and counted when they begin", async () => {
    const { port } = await startInstance("one");
    const { tell, of, counted } = await start({ wire });
    tell([endpointAt(port)]);
    const letters: string[] = [];
    for await (const { text } of of().repeat({ text: "abc" })) letters.push(text);
    expect(letters).toEqual(["a", "b", "c"]);
    expect(counted).toEqual(["Repeat"]);
  });
});

test("an instance that cannot be reached is called through the gateway, and tried again some seconds later", async () => {
  const port = await closedPort();
  const { tell, say, counted, clock, outcomes } = await start();
  tell([endpointAt(port)]);
  expect(await say()).toBe("gateway");
  expect(outcomes).toEqual(["failed"]);
  expect(await say()).toBe("gateway");
  expect(outcomes).toEqual(["failed"]);
  clock.advance(5_000);
  await startEcho({ say: () => ({ text: "late" }) }, { port });
  expect(await say()).toBe("late");
  expect(counted).toEqual(["Say"]);
});

test("another service at an old address does not take the call, which goes through the gateway", async () => {
  const { port } = await startInstance("stranger", "billing");
  const { tell, say, counted } = await start();
  tell([endpointAt(port)]);
  expect(await say()).toBe("gateway");
  expect(counted).toEqual([]);
});

test("without a gateway an instance is called, also one that has just failed", async () => {
  const port = await closedPort();
  const { tell, say, of, clock } = await start({ gatewayPort: await closedPort() });
  await expect(say()).rejects.toMatchObject({ code: Code.Unavailable });
  tell([endpointAt(port)]);
  await expect(of().say({ text: "x" })).rejects.toMatchObject({ code: Code.Unavailable });
  await startEcho({ say: () => ({ text: "back" }) }, { port });
  clock.advance(1_000);
  expect(await say()).toBe("back");
});

test("services of different names are no replicas: only the one that is named is called itself", async () => {
  const [one, other] = [await startInstance("one", "loom"), await startInstance("other", "mill")];
  const { tell, say, owners } = await start();
  const both = [endpointAt(one.port, { serviceName: "loom" }), endpointAt(other.port, { serviceName: "mill" })];
  tell(both);
  expect(await say()).toBe("gateway");
  expect(await say("mill")).toBe("gateway");
  expect(owners).toEqual([null, "mill"]);
  // The last who watched.
  tell(both);
  expect(await say("mill")).toBe("other");
});

test("while instances have different contracts the gateway, which knows them, is asked", async () => {
  const [old, next] = [await startInstance("old"), await startInstance("next")];
  const { tell, say } = await start();
  tell([endpointAt(old.port), endpointAt(next.port, { contractHash: "h2" })]);
  expect(await say()).toBe("gateway");
  tell([endpointAt(next.port, { contractHash: "h2" })]);
  expect(await say()).toBe("next");
});

test("calls that a traffic rule concerns go through the gateway, which keeps it, and to an instance where there is none", async () => {
  const { port } = await startInstance("one");
  const split = create(RuleSchema, {
    id: "r1",
    action: { kind: { case: "split", value: { service: "echo", versions: [{ version: "1.0.0", weight: 1 }] } } },
  });
  const { tell, say, rules, counted } = await start();
  tell([endpointAt(port)]);
  expect(await say()).toBe("one");
  rules.push(split);
  expect(await say()).toBe("gateway");
  expect(counted).toEqual(["Say"]);
  const alone = await start({ gatewayPort: await closedPort() });
  alone.tell([endpointAt(port)]);
  alone.rules.push(split);
  expect(await alone.say()).toBe("one");
});

test("a further attempt goes to another instance, and then through the gateway", async () => {
  const [one, other] = [await startInstance("one"), await startInstance("other")];
  const { tell, of } = await start();
  tell([endpointAt(one.port), endpointAt(other.port)]);
  const tried: string[] = [];
  const texts: string[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const contextValues = createContextValues().set(attemptKey, { tried });
    texts.push((await of().say({ text: "x" }, { contextValues })).text);
  }
  expect(texts.slice(0, 2).sort()).toEqual(["one", "other"]);
  expect(texts[2]).toBe("gateway");
  expect(tried.sort()).toEqual([`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`].sort());
});

test("whoever sends a call again hears that it was answered, wherever it went", async () => {
  const { port } = await startInstance("one");
  const { tell, of } = await start();
  for (const endpoints of [[], [endpointAt(port)]]) {
    tell(endpoints);
    const attempt: Attempt = { tried: [] };
    await of().say({ text: "x" }, { contextValues: createContextValues().set(attemptKey, attempt) });
    expect(attempt.isAnswered).toBe(true);
  }
});

test("a caller that leaves says nothing of the instance, one that waited in vain does", async () => {
  const { port } = await startEcho({ say: () => new Promise<never>(() => undefined) });
  const { tell, of, outcomes, clock } = await start();
  tell([endpointAt(port)]);
  await of().brief({ text: "x" });
  const leaving = new AbortController();
  const left = of().say({ text: "x" }, { signal: leaving.signal });
  setImmediate(() => leaving.abort());
  await expect(left).rejects.toMatchObject({ code: Code.Canceled });
  const late = of().say({ text: "x" }, { timeoutMs: 30 });
  clock.advance(30);
  await expect(late).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(outcomes.slice(1)).toEqual(["ok", "left", "late"]);
});
