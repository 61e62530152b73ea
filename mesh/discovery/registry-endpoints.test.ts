import { create } from "@bufbuild/protobuf";
import { Code, createRouterTransport } from "@connectrpc/connect";
import {
  InstanceChangeKind,
  InstanceSchema,
  RegistryService,
  ServingState,
  type WatchResponse,
  WatchResponseSchema,
} from "@heddle/contracts/heddle/registry/v1";
import { expect, onTestFinished, test } from "vitest";
import { fail, reasons } from "../contract/fail.ts";
import { createLog } from "../observe/index.ts";
import { systemRandom } from "../runtime/index.ts";
import { fakeTime } from "../testing/fake-time.ts";
import type { EndpointMemory } from "./endpoint-file.ts";
import type { KnownInstance } from "./known-instances.ts";
import { createOutbound, type Outbound } from "./outbound.ts";
import { registryEndpoints } from "./registry-endpoints.ts";

/** What a machine needs at most that is busy with other things. */
const BUSY = { timeout: 10_000 };

const AWAY = reasons("test")("AWAY", Code.Unavailable, "away");
const LOOM = "loom.v1.LoomService";
const MILL = "mill.v1.MillService";

const instance = (instanceId: string, service = LOOM) =>
  create(InstanceSchema, {
    instanceId,
    serviceName: "loom",
    version: "1.0.0",
    address: `127.0.0.1:${4000 + instanceId.charCodeAt(0)}`,
    packages: [{ name: "loom.v1", services: [service], contractHash: "h1" }],
    state: ServingState.SERVING,
  });
const snapshot = (ids: string[], learning = false) =>
  create(WatchResponseSchema, {
    body: { case: "snapshot", value: { instances: ids.map((id) => instance(id)), learning } },
  });
const change = (kind: InstanceChangeKind, id: string) =>
  create(WatchResponseSchema, { body: { case: "change", value: { kind, instance: instance(id) } } });

/** A registry that says what the test says, and what a watcher of it knows. */
const start = (kept?: KnownInstance[]) => {
  const time = fakeTime();
  const streams: { readonly services: string[]; say(response: WatchResponse): void; end(error?: Error): void }[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(RegistryService, {
      async *watch({ services }, { signal }) {
        const outbound: Outbound<WatchResponse | Error> = createOutbound();
        streams.push({
          services,
          say: outbound.push,
          end(error) {
            if (error !== undefined) outbound.push(error);
            outbound.end();
          },
        });
        signal.addEventListener("abort", () => outbound.end());
        for await (const response of outbound.messages) {
          if (response instanceof Error) throw response;
          yield response;
        }
      },
    });
  });
  const written: (readonly KnownInstance[])[] = [];
  const memory: EndpointMemory = { read: () => kept ?? [], write: (instances) => void written.push(instances) };
  const source = registryEndpoints({
    transport,
    memory,
    runtime: { ...time, random: { ...systemRandom, below: () => 0 } },
    log: createLog({
      service: "test",
      level: "silent",
      clock: time.clock,
      destination: { write: () => undefined },
    }),
  });
  onTestFinished(() => source.stop());
  const watch = (service = LOOM) => {
    const heard: string[][] = [];
    source.watch(service, (endpoints) => heard.push(endpoints.map(({ instanceId }) => instanceId)));
    return heard;
  };
  return { time, streams, source, watch, written };
};
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a watcher hears what is known at once, then the snapshot, then each change", async () => {
  const { streams, watch } = start();
  const heard = watch();
  expect(heard).toEqual([[]]);
  await expect.poll(() => streams[0]?.services, BUSY).toEqual([LOOM]);
  streams[0]?.say(snapshot(["a"]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a"]);
  streams[0]?.say(change(InstanceChangeKind.ADDED, "b"));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a", "b"]);
  streams[0]?.say(change(InstanceChangeKind.REMOVED, "a"));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["b"]);
});

test("one stream asks for all services that are watched, and anew when there is another", async () => {
  const { streams, watch } = start();
  watch(LOOM);
  watch(MILL);
  watch(LOOM);
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  expect(streams[0]?.services).toEqual([LOOM, MILL]);
  watch("shed.v1.ShedService");
  await expect.poll(() => streams, BUSY).toHaveLength(2);
  expect(streams[1]?.services).toEqual([LOOM, MILL, "shed.v1.ShedService"]);
});

test("what was known stays while the registry is away, which is tried less and less often", async () => {
  const { time, streams, watch } = start();
  const heard = watch();
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  streams[0]?.say(snapshot(["a"]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a"]);
  const delays: number[] = [];
  for (let round = 0; round < 7; round++) {
    streams[round]?.end(fail(AWAY, {}));
    await expect.poll(() => time.pending(), BUSY).toBe(round === 0 ? 2 : time.pending());
    const fromMs = time.clock.monotonicMs();
    while (streams.length === round + 1) await time.advance(25);
    delays.push(time.clock.monotonicMs() - fromMs);
  }
  expect(delays).toEqual([25, 50, 100, 200, 400, 800, 1_000]);
  expect(heard.at(-1)).toEqual(["a"]);
});

test("a registry that has just restarted does not empty the list", async () => {
  const { time, streams, watch } = start();
  const heard = watch();
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  streams[0]?.say(snapshot(["a", "b"]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a", "b"]);
  streams[0]?.end(fail(AWAY, {}));
  while (streams.length === 1) await time.advance(25);
  streams[1]?.say(snapshot(["c"], true));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a", "b", "c"]);
  streams[1]?.say(snapshot(["b", "c"]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["b", "c"]);
});

test("changes that come in one turn are told once", async () => {
  const { streams, watch } = start();
  const heard = watch();
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  for (const id of ["a", "b", "c", "d"]) streams[0]?.say(change(InstanceChangeKind.ADDED, id));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a", "b", "c", "d"]);
  expect(heard.length).toBeLessThan(6);
});

test("what was kept is known before the registry answers", async () => {
  const { address, packages, serviceName, version, locality } = instance("k");
  const kept = { instanceId: "k", address, packages, serviceName, version, locality };
  const { watch, streams } = start([kept]);
  const heard = watch();
  expect(heard).toEqual([["k"]]);
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  streams[0]?.say(snapshot([]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual([]);
});

test("what is known is kept a second after it changed, and at the end", async () => {
  const { time, streams, watch, written, source } = start();
  const heard = watch();
  await expect.poll(() => streams, BUSY).toHaveLength(1);
  streams[0]?.say(snapshot(["a"]));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a"]);
  streams[0]?.say(change(InstanceChangeKind.ADDED, "b"));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["a", "b"]);
  expect(written).toEqual([]);
  await time.advance(1_000);
  expect(written.map((list) => list.map(({ instanceId }) => instanceId))).toEqual([["a", "b"]]);
  streams[0]?.say(change(InstanceChangeKind.REMOVED, "a"));
  await expect.poll(() => heard.at(-1), BUSY).toEqual(["b"]);
  source.stop();
  expect(written).toHaveLength(2);
  await turn();
  expect(time.pending()).toBe(0);
});
