import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { echoHandlers } from "../rpc/fixtures/echo-server.ts";
import { createRpcServer, grpcTransport, implementation, memoryTransport, type RpcServer } from "../rpc/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import type { Store } from "../store/store.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { ConfigError } from "./config.ts";
import { defineService, type ServiceDefinition } from "./define-service.ts";
import { healthImplementation, ServingStatus } from "./health.ts";
import { type StartDeps, startService } from "./start-service.ts";

const migrations = new URL("./fixtures/migrations/", import.meta.url);
const runtime = systemRuntime();
const ANY = { host: "127.0.0.1", port: 0 };

const depsFor = (options: Partial<StartDeps> = {}): StartDeps => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-start-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const log = createLog({
    service: "echo",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const nobody = createRpcServer({ implementations: [], runtime, log });
  return {
    env: { HEDDLE_DATA: dataFolder },
    runtime,
    log,
    transportFor: () => memoryTransport(nobody, runtime),
    neighbours: new Map(),
    listenOn: undefined,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  };
};

/** An echo service that hands out its store and tells what happens to it. */
const watched = (more: Partial<ServiceDefinition> = {}) => {
  const seen = { store: undefined as Store | undefined, steps: [] as string[] };
  const definition = defineService({
    name: "echo",
    version: "1.2.3",
    migrations,
    implement({ store }) {
      seen.store = store;
      return {
        implementations: [
          implementation(EchoService, {
            ...echoHandlers,
            say: () => new Promise<never>(() => undefined),
            async brief({ text }) {
              await store.read(async () => undefined);
              return { text };
            },
          }),
        ],
        async stop() {
          seen.steps.push("stop");
          await store.read(async () => seen.steps.push("the store is open"));
        },
      };
    },
    ...more,
  });
  return { seen, definition };
};

const isClosed = (store: Store | undefined) =>
  Promise.resolve(store?.read(async () => undefined)).then(
    () => false,
    () => true,
  );

test("a service that has started serves its contract, health and reflection", async () => {
  const { definition } = watched();
  const service = await startService(definition, depsFor({ listenOn: ANY }));
  expect(service.address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(service.instanceId).toMatch(/^ins_/);
  expect(service.services).toEqual([EchoService]);
  const transport = grpcTransport(`http://${service.address}`, runtime);
  expect((await createClient(EchoService, transport).brief({ text: "hi" })).text).toBe("hi");
  for (const name of ["", "echo.v1.EchoService"]) {
    expect((await createClient(Health, transport).check({ service: name })).status).toBe(ServingStatus.SERVING);
  }
  async function* list() {
    yield { messageRequest: { case: "listServices", value: "" } as const };
  }
  for await (const { messageResponse } of createClient(ServerReflection, transport).serverReflectionInfo(list())) {
    const names = messageResponse.case === "listServicesResponse" ? messageResponse.value.service : [];
    expect(names.map(({ name }) => name)).toEqual([
      "echo.v1.EchoService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
  }
  expect(await service.stop(1_000)).toBe(0);
});

test("a stop finishes with the calls first, then the service's own things, then the store", async () => {
  const { definition, seen } = watched();
  const service = await startService(definition, depsFor());
  await service.stop(100);
  expect(seen.steps).toEqual(["stop", "the store is open"]);
  expect(await isClosed(seen.store)).toBe(true);
});

test("a stop counts the calls that it cut", async () => {
  const { definition } = watched();
  const service = await startService(definition, depsFor({ listenOn: ANY }));
  const client = createClient(EchoService, grpcTransport(`http://${service.address}`, runtime));
  await client.brief({});
  const cut = [expectFailure(client.say({})), expectFailure(client.say({}))];
  await runtime.timers.sleep(30);
  expect(await service.stop(20)).toBe(2);
  await Promise.all(cut);
});

describe("a service that is called within its process only", () => {
  test("listens nowhere, and its neighbours find it until it stops", async () => {
    const neighbours = new Map<string, RpcServer>();
    const service = await startService(watched().definition, depsFor({ neighbours }));
    expect(service.address).toBe("echo.memory:0");
    expect(neighbours.get("echo.memory:0")).toBe(service.server);
    await service.stop(0);
    expect(neighbours.size).toBe(0);
  });
});

describe("a start that fails", () => {
  test("in a wrong environment opens nothing", async () => {
    const { definition, seen } = watched();
    const deps = depsFor({ env: { HEDDLE_DATA: "/proc/nowhere", HEDDLE_PORT: "x" } });
    await expect(startService(definition, deps)).rejects.toThrow(ConfigError);
    expect(seen.store).toBeUndefined();
  });

  test("while the handlers are built closes the store", async () => {
    const { definition, seen } = watched({
      implement({ store }) {
        seen.store = store;
        throw new Error("no handlers today");
      },
    });
    await expect(startService(definition, depsFor())).rejects.toThrow("no handlers today");
    expect(await isClosed(seen.store)).toBe(true);
  });

  test("because its port is taken closes all that was opened", async () => {
    const first = await startService(watched({ name: "other" }).definition, depsFor({ listenOn: ANY }));
    const { definition, seen } = watched();
    const port = Number(first.address.split(":")[1]);
    const neighbours = new Map<string, RpcServer>();
    await expect(startService(definition, depsFor({ listenOn: { ...ANY, port }, neighbours }))).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    expect(seen.steps).toEqual(["stop", "the store is open"]);
    expect(await isClosed(seen.store)).toBe(true);
    expect(neighbours.size).toBe(0);
    await first.stop(0);
  });

  test("because a contract does not say who may call names the methods", async () => {
    const source = { status: () => undefined, services: () => [], watch: () => () => undefined };
    const { definition } = watched({ implement: () => [healthImplementation(source)] });
    await expect(startService(definition, depsFor())).rejects.toThrow(/grpc\.health\.v1\.Health.*Check/);
  });

  test("because a handler is missing names the method", async () => {
    const { say: _, ...others } = echoHandlers;
    const { definition } = watched({
      implement: () => [implementation(EchoService, others as typeof echoHandlers)],
    });
    await expect(startService(definition, depsFor())).rejects.toThrow("echo.v1.EchoService/Say has no handler");
  });
});

test("a service without migrations has no store, and says so at the first use", async () => {
  const definition = defineService({
    name: "storeless",
    version: "1",
    implement: ({ store }) => [
      implementation(EchoService, { ...echoHandlers, say: () => store.read(async () => ({})) }),
    ],
  });
  const service = await startService(definition, depsFor());
  const client = createClient(EchoService, memoryTransport(service.server, runtime));
  expect(await expectFailure(client.say({}))).toMatchObject({ code: "Internal" });
  expect((await client.brief({ text: "a" })).text).toBe("a");
  await service.stop(0);
});

test.each(["Customer", "a", "two words", "../up", "9lives", "x".repeat(32)])("%j is no service name", (name) => {
  expect(() => defineService({ name, version: "1", implement: () => [] })).toThrow(TypeError);
});
