import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  InstanceChangeKind,
  InstanceSchema,
  RegistryService,
  ServingState,
  type WatchResponse,
  WatchResponseSchema,
} from "@heddle/contracts/heddle/registry/v1";
import { expect, onTestFinished, test } from "vitest";
import { createOutbound, type Outbound } from "../discovery/index.ts";
import { createLog } from "../observe/index.ts";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { startEcho } from "../rpc/fixtures/echo-server.ts";
import { answersFor, implementation } from "../rpc/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { MESH_VARIABLES, parseConfig } from "./config.ts";
import { wayToOthers } from "./way-to-others.ts";

/** What a machine needs at most that is busy with other things. */
const BUSY = { timeout: 10_000 };

const runtime = systemRuntime();
const ECHO = EchoService.typeName;

interface Instance {
  readonly id: string;
  readonly port: number;
}

const instanceMessage = ({ id, port }: Instance) =>
  create(InstanceSchema, {
    instanceId: id,
    serviceName: "echo",
    version: "1.0.0",
    address: `127.0.0.1:${port}`,
    packages: [{ name: "echo.v1", services: [ECHO], contractHash: "h" }],
    state: ServingState.SERVING,
  });

/** A gateway that answers calls with its name, and tells whoever watches what the test says. */
const startGateway = async (name: string, instances: Instance[], port = 0) => {
  const watching = new Set<Outbound<WatchResponse>>();
  const registry = implementation(RegistryService, {
    register: async function* none() {},
    async *watch() {
      const outbound = createOutbound<WatchResponse>();
      watching.add(outbound);
      const value = { instances: instances.map(instanceMessage) };
      outbound.push(create(WatchResponseSchema, { body: { case: "snapshot", value } }));
      try {
        yield* outbound.messages;
      } finally {
        watching.delete(outbound);
      }
    },
    listServices: () => ({}),
    listInstances: () => ({}),
    getContract: () => ({}),
  });
  const gateway = await startEcho({ say: () => ({ text: name }) }, { more: [registry], port });
  const tell = (kind: InstanceChangeKind, instance: Instance) => {
    for (const outbound of watching) {
      const value = { kind, instance: instanceMessage(instance) };
      outbound.push(create(WatchResponseSchema, { body: { case: "change", value } }));
    }
  };
  return {
    url: gateway.url,
    watchers: () => watching.size,
    add: (instance: Instance) => tell(InstanceChangeKind.ADDED, instance),
    remove: (instance: Instance) => tell(InstanceChangeKind.REMOVED, instance),
    stop: () => gateway.server.drain(0),
  };
};

const startInstance = async (id: string) => {
  const { port, server } = await startEcho({ say: () => ({ text: id }) }, { around: answersFor("echo") });
  return { id, port, stop: () => server.drain(5_000) };
};

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), "heddle-way-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

const start = (gateways: string, data: string, env: NodeJS.ProcessEnv = {}) => {
  const way = wayToOthers({
    definition: { name: "caller", version: "1.0.0" },
    instanceId: runtime.ids.next("ins"),
    config: parseConfig({ HEDDLE_GATEWAY: gateways, HEDDLE_DATA: data, ...env }, MESH_VARIABLES),
    identity: {},
    runtime,
    log: createLog({
      service: "caller",
      level: "silent",
      clock: runtime.clock,
      destination: { write: () => undefined },
    }),
  });
  onTestFinished(() => way.stop());
  const client = createClient(EchoService, way.transportFor(EchoService));
  return { way, say: async () => (await client.say({ text: "x" })).text };
};

const deadUrl = async (): Promise<string> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
};

test("a service that starts while the gateway is away calls others where they were, by its file", async () => {
  const data = folder();
  const gateway = await startGateway("gateway", [await startInstance("one")]);
  const first = start(gateway.url, data);
  await expect.poll(first.say, BUSY).toBe("one");
  await first.way.stop();
  await gateway.stop();
  const second = start(gateway.url, data);
  expect(await second.say()).toBe("one");
});

test("instances that come and go under calls fail none of them", async () => {
  const [one, two, three] = [await startInstance("one"), await startInstance("two"), await startInstance("three")];
  const gateway = await startGateway("gateway", [one]);
  const { say } = start(gateway.url, folder());
  await expect.poll(say, BUSY).toBe("one");
  const answers: string[] = [];
  let done = false;
  const callers = Array.from({ length: 8 }, async () => {
    while (!done) answers.push(await say().catch(String));
  });
  /** Resolves when an instance has answered. */
  const hear = async (id: string) => {
    const from = answers.length;
    await expect.poll(() => answers.slice(from), BUSY).toContain(id);
  };
  await hear("one");
  gateway.add(two);
  await hear("two");
  gateway.remove(one);
  expect(await one.stop()).toBe(0);
  gateway.add(three);
  await hear("three");
  // Without a word: its callers find out by themselves.
  await two.stop();
  await hear("three");
  done = true;
  await Promise.all(callers);
  expect([...new Set(answers)].sort()).toEqual(["one", "three", "two"]);
});

test("of several gateways one that answers is asked and watched", async () => {
  const one = await startInstance("one");
  const second = await startGateway("second", []);
  const { say } = start(`${await deadUrl()},${second.url}`, folder());
  expect(await say()).toBe("second");
  await expect.poll(second.watchers, BUSY).toBe(1);
  second.add(one);
  await expect.poll(say, BUSY).toBe("one");
});

test("the next gateway is watched when one ends, and what the first has told holds until then", async () => {
  const one = await startInstance("one");
  const [first, second] = [await startGateway("first", [one]), await startGateway("second", [one])];
  const { say } = start(`${first.url},${second.url}`, folder());
  await expect.poll(say, BUSY).toBe("one");
  expect([first.watchers(), second.watchers()]).toEqual([1, 0]);
  await first.stop();
  expect(await say()).toBe("one");
  await expect.poll(second.watchers, BUSY).toBe(1);
});

test("with HEDDLE_DIRECT=off every call goes through the gateway", async () => {
  const gateway = await startGateway("gateway", [await startInstance("one")]);
  const { say } = start(gateway.url, folder(), { HEDDLE_DIRECT: "off" });
  expect(await say()).toBe("gateway");
  expect(gateway.watchers()).toBe(0);
});

test("a package whose places are written down is called there, whatever the gateway knows", async () => {
  const { port } = await startInstance("written");
  const gateway = await startGateway("gateway", [await startInstance("one")]);
  const { say } = start(gateway.url, folder(), { HEDDLE_ENDPOINTS: `echo.v1=127.0.0.1:${port}` });
  expect(await say()).toBe("written");
});
