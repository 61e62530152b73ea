import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { RegisterRequestSchema, RegistryService, ServingState } from "@heddle/contracts/heddle/registry/v1";
import { createOutbound, register } from "@heddle/mesh/discovery";
import { createRpcServer, grpcTransport, implementation } from "@heddle/mesh/rpc";
import { ServingStatus } from "@heddle/mesh/service";
import { describe, expect, onTestFinished, test } from "vitest";
import { contractOf, instanceOf, type TestContract } from "./fixtures/contract.ts";
import { runtime, silent, startGateway } from "./fixtures/start-gateway.ts";

const one = contractOf("loom.v1", { LoomService: ["Weave"] });
const two = contractOf("loom.v1", { LoomService: ["Weave", "Rest"] });

/** What a machine needs at most that is busy with other things. */
const BUSY = { timeout: 20_000 };

/** A gateway that is gone after the test. */
const start = async (port = 0, dataFolder?: string) => {
  const started = await startGateway({ port, dataFolder });
  onTestFinished(started.stop);
  return started;
};

/** An instance on a port of its own, which answers every method after `delayMs`. */
const startInstance = async (gatewayUrl: string, contract: TestContract, instanceId: string, delayMs = 0) => {
  const answer = async () => {
    if (delayMs > 0) await runtime.timers.sleep(delayMs);
    return {};
  };
  const server = createRpcServer({
    implementations: contract.services.map((service) =>
      implementation(service, Object.fromEntries(service.methods.map(({ localName }) => [localName, answer])) as never),
    ),
    runtime,
    log: silent,
  });
  const { host, port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const registration = register({
    instance: {
      instanceId,
      address: `${host}:${port}`,
      definition: { name: "loom", version: "1.0.0" },
      services: contract.services,
    },
    transport: grpcTransport(gatewayUrl, runtime),
    runtime,
    log: silent,
  });
  const stop = async () => {
    await registration.leave();
    return server.drain(2_000);
  };
  onTestFinished(async () => {
    await registration.leave();
    await server.drain(0);
  });
  await registration.registered;
  return { server, registration, stop };
};

/** Calls a method by JSON. */
const call = async (url: string, method: string) => {
  const response = await fetch(`${url}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  return { status: response.status, body: (await response.json()) as { message?: string } };
};

const statusOf = async (url: string, method: string) => (await call(url, method)).status;

test("an instance that registers while the gateway runs is callable, healthy and described at once", async () => {
  const { url, transport } = await start();
  expect(await statusOf(url, "loom.v1.LoomService/Weave")).toBe(503);
  await startInstance(url, one, "a");
  expect(await statusOf(url, "loom.v1.LoomService/Weave")).toBe(200);
  const { status } = await createClient(Health, transport).check({ service: "loom.v1.LoomService" });
  expect(status).toBe(ServingStatus.SERVING);
  async function* ask() {
    yield { messageRequest: { case: "fileContainingSymbol", value: "loom.v1.LoomService.Weave" } as const };
  }
  for await (const { messageResponse } of createClient(ServerReflection, transport).serverReflectionInfo(ask())) {
    expect(messageResponse.case).toBe("fileDescriptorResponse");
  }
});

test("instances register again when the gateway was restarted", async () => {
  const first = await start();
  const { registration } = await startInstance(first.url, one, "a");
  await first.stop();
  const second = await start(first.port);
  expect(second.port).toBe(first.port);
  await expect.poll(() => statusOf(second.url, "loom.v1.LoomService/Weave"), { timeout: 5_000 }).toBe(200);
  await registration.leave();
  expect(await statusOf(second.url, "loom.v1.LoomService/Weave")).toBe(503);
});

test("a gateway that restarts routes at once to the instances that it knew, and to one that had left no more", async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-gateway-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const first = await start(0, dataFolder);
  const kept = await startInstance(first.url, one, "kept");
  const left = await startInstance(first.url, contractOf("mill.v1", { MillService: ["Grind"] }), "left");
  await left.registration.leave();
  await first.stop();
  // Nobody tells the second one of it.
  await kept.registration.leave();
  const second = await start(first.port, dataFolder);
  expect(await statusOf(second.url, "loom.v1.LoomService/Weave")).toBe(200);
  expect(await statusOf(second.url, "mill.v1.MillService/Grind")).toBe(503);
  const { instances } = await createClient(RegistryService, second.transport).listInstances({});
  expect(instances.map(({ instanceId }) => instanceId)).toEqual(["kept"]);
});

test("an instance that drains while calls come in loses none of them", async () => {
  const { url } = await start();
  const leaving = await startInstance(url, one, "a", 5);
  await startInstance(url, one, "b", 5);
  const statuses: number[] = [];
  let done = false;
  const callers = Array.from({ length: 8 }, async () => {
    while (!done) statuses.push(await statusOf(url, "loom.v1.LoomService/Weave"));
  });
  await expect.poll(() => statuses.length, BUSY).toBeGreaterThan(20);
  expect(await leaving.stop()).toBe(0);
  const before = statuses.length;
  await expect.poll(() => statuses.length - before, BUSY).toBeGreaterThan(20);
  done = true;
  await Promise.all(callers);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
}, 60_000);

test("an instance that is gone without a word is UNAVAILABLE, and soon known to have left", async () => {
  const { url } = await start();
  const { server, registration } = await startInstance(url, one, "a");
  await server.drain(0);
  const { status, body } = await call(url, "loom.v1.LoomService/Weave");
  expect([status, body.message]).toEqual([503, expect.stringContaining("loom.v1.LoomService")]);
  await registration.leave();
  expect((await call(url, "loom.v1.LoomService/Weave")).body.message).toContain("left");
});

describe("an instance that means ill", () => {
  /** Registers by hand; resolves to the kinds of the answers, or the failure. */
  const claim = async (
    transport: ReturnType<typeof grpcTransport>,
    instanceId: string,
    contract: TestContract,
    address: string,
  ) => {
    const outbound = createOutbound<ReturnType<typeof message>>();
    const message = (body: object) => create(RegisterRequestSchema, { body } as never);
    const instance = { ...instanceOf(instanceId, contract), address, state: ServingState.SERVING };
    outbound.push(message({ case: "instance", value: instance }));
    const kinds: unknown[] = [];
    const admitted = Promise.withResolvers<void>();
    void (async () => {
      for await (const { body } of createClient(RegistryService, transport).register(outbound.messages)) {
        kinds.push(body.case);
        if (body.case === "contractsNeeded") outbound.push(message({ case: "contract", value: contract.contract }));
        if (body.case === "admitted") admitted.resolve();
      }
    })().then(admitted.resolve, (error: unknown) => {
      kinds.push(String(error));
      admitted.resolve();
    });
    await admitted.promise;
    return { kinds, leave: () => outbound.end() };
  };

  test("with a lesser contract takes no method from those that run, however often it comes and goes", async () => {
    const { url, transport } = await start();
    await startInstance(url, one, "before");
    await startInstance(url, two, "good");
    for (let i = 0; i < 5; i++) {
      const bad = await claim(transport, `bad${i}`, one, "127.0.0.1:1");
      expect(bad.kinds.at(-1)).toBe("admitted");
      expect(await statusOf(url, "loom.v1.LoomService/Rest")).toBe(200);
      bad.leave();
    }
    await expect.poll(() => statusOf(url, "loom.v1.LoomService/Weave")).toBe(200);
    expect(await statusOf(url, "loom.v1.LoomService/Rest")).toBe(200);
  });

  test("with an address that is none does not end the gateway", async () => {
    const { url, transport } = await start();
    for (const address of ["[fe80::1%en0]:80", "1.2.3.4.0x7f:80", "localhost:0", "no.such.host.invalid:80"]) {
      const { leave } = await claim(transport, "bad", one, address);
      expect([501, 503]).toContain(await statusOf(url, "loom.v1.LoomService/Weave"));
      leave();
      const entered = async () => (await createClient(RegistryService, transport).listInstances({})).instances.length;
      await expect.poll(entered).toBe(0);
    }
    await startInstance(url, one, "good");
    expect(await statusOf(url, "loom.v1.LoomService/Weave")).toBe(200);
  });

  test("with the gateway's own address makes no call go round for ever", async () => {
    const { url, transport } = await start();
    const { leave } = await claim(transport, "loop", one, new URL(url).host);
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const response = await fetch(`${url}/loom.v1.LoomService/Weave`, options);
    expect(JSON.stringify(await response.json())).toContain("RELAY_LOOP");
    leave();
  });
});
