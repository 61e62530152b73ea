import { createClient } from "@connectrpc/connect";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { expect, test } from "vitest";
import { startEcho } from "../rpc/fixtures/echo-server.ts";
import { memoryTransport } from "../rpc/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { createInstanceHealth, type HealthSource, healthImplementation, ServingStatus } from "./health.ts";

const serve = async (health: HealthSource = createInstanceHealth(["echo.v1.EchoService"])) => {
  const { server, transport } = await startEcho({}, { more: [healthImplementation(health)] });
  return {
    server,
    client: createClient(Health, transport),
    memory: createClient(Health, memoryTransport(server, systemRuntime())),
  };
};

test("an instance does not serve until it says so, and all its services are as it is", async () => {
  const health = createInstanceHealth(["echo.v1.EchoService"]);
  const { client } = await serve(health);
  for (const status of [ServingStatus.NOT_SERVING, ServingStatus.SERVING, ServingStatus.NOT_SERVING]) {
    health.set(status);
    for (const service of ["", "echo.v1.EchoService"]) expect((await client.check({ service })).status).toBe(status);
  }
});

test("a service that is not known is NOT_FOUND", async () => {
  const { client } = await serve();
  expect(await expectFailure(client.check({ service: "nobody.v1.Nothing" }))).toMatchObject({
    code: "NotFound",
    reason: "SERVICE_UNKNOWN",
    metadata: { service: "nobody.v1.Nothing" },
  });
});

test("a list names every service, and the whole", async () => {
  const health = createInstanceHealth(["a.v1.A", "b.v1.B"]);
  health.set(ServingStatus.SERVING);
  const { statuses } = await (await serve(health)).client.list({});
  expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
    ["", ServingStatus.SERVING],
    ["a.v1.A", ServingStatus.SERVING],
    ["b.v1.B", ServingStatus.SERVING],
  ]);
});

test("a watch tells the status at once, then each change once", async () => {
  const health = createInstanceHealth([]);
  const { client } = await serve(health);
  const seen: ServingStatus[] = [];
  const stop = new AbortController();
  const watch = (async () => {
    for await (const { status } of client.watch({}, { signal: stop.signal })) seen.push(status);
  })();
  await expect.poll(() => seen).toEqual([ServingStatus.NOT_SERVING]);
  health.set(ServingStatus.SERVING);
  health.set(ServingStatus.SERVING);
  await expect.poll(() => seen).toHaveLength(2);
  health.set(ServingStatus.NOT_SERVING);
  await expect.poll(() => seen).toHaveLength(3);
  expect(seen).toEqual([ServingStatus.NOT_SERVING, ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  stop.abort();
  expect(await expectFailure(watch)).toMatchObject({ code: "Canceled" });
});

test("a watch of a service that is not known says so, and goes on", async () => {
  const { client } = await serve();
  const stop = new AbortController();
  const statuses = client.watch({ service: "nobody.v1.Nothing" }, { signal: stop.signal })[Symbol.asyncIterator]();
  expect((await statuses.next()).value).toMatchObject({ status: ServingStatus.SERVICE_UNKNOWN });
  const next = statuses.next();
  expect(await Promise.race([next, systemRuntime().timers.sleep(20)])).toBeUndefined();
  stop.abort();
  await expectFailure(next);
});

test("a watch that nobody reads any more is not told", async () => {
  for (const way of ["client", "memory"] as const) {
    let watchers = 0;
    const source: HealthSource = {
      status: () => ServingStatus.SERVING,
      services: () => [],
      watch: () => {
        watchers++;
        return () => {
          watchers--;
        };
      },
    };
    const { [way]: client } = await serve(source);
    const stop = new AbortController();
    for (let i = 0; i < 3; i++) await client.watch({}, { signal: stop.signal })[Symbol.asyncIterator]().next();
    expect(watchers).toBe(3);
    stop.abort();
    await expect.poll(() => watchers).toBe(0);
  }
});

test("a drain ends watches with UNAVAILABLE", async () => {
  const { client, server } = await serve();
  const statuses = client.watch({})[Symbol.asyncIterator]();
  await statuses.next();
  const next = expectFailure(statuses.next());
  expect(await server.drain(1_000)).toBe(0);
  expect(await next).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
});
