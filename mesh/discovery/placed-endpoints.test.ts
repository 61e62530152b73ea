import { expect, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { type Names, systemRandom } from "../runtime/index.ts";
import { fakeTime } from "../testing/fake-time.ts";
import { parsePlaces } from "./place.ts";
import { placedEndpoints, RESOLVE_AGAIN_MS, RESOLVE_MS } from "./placed-endpoints.ts";

const start = (places: string) => {
  const time = fakeTime();
  const hosts = new Map<string, string[]>();
  const services = new Map<string, { host: string; port: number }[]>();
  let asked = 0;
  const find = async <T>(known: ReadonlyMap<string, T>, name: string): Promise<T> => {
    asked++;
    const found = known.get(name);
    if (found === undefined) throw new Error(`${name} is not known`);
    return found;
  };
  const names: Names = { addresses: (host) => find(hosts, host), services: (name) => find(services, name) };
  const source = placedEndpoints(parsePlaces(`echo.v1=${places}`).get("echo.v1") ?? [], {
    names,
    runtime: { ...time, random: { ...systemRandom, below: () => 0 } },
    log: createLog({ service: "test", level: "silent", clock: time.clock, destination: { write: () => undefined } }),
  });
  const heard: string[][] = [];
  const watch = () => source.watch("echo.v1.EchoService", (all) => heard.push(all.map(({ address }) => address)));
  return { time, hosts, services, source, heard, watch, asked: () => asked };
};

test("written addresses are there at once, and nothing is asked", async () => {
  const { heard, watch, time, asked } = start("10.0.0.2:4000,10.0.0.1:4000,10.0.0.2:4000");
  watch();
  await time.advance(10 * RESOLVE_MS);
  expect(heard).toEqual([["10.0.0.1:4000", "10.0.0.2:4000"]]);
  expect(asked()).toBe(0);
});

test("a host is all of its addresses, looked up again every half a minute", async () => {
  const { heard, watch, time, hosts } = start("dns:order.internal:4000");
  hosts.set("order.internal", ["10.0.0.2", "::1"]);
  watch();
  await time.advance(0);
  expect(heard).toEqual([[], ["10.0.0.2:4000", "[::1]:4000"]]);
  hosts.set("order.internal", ["10.0.0.3"]);
  await time.advance(RESOLVE_MS - 1);
  expect(heard).toHaveLength(2);
  await time.advance(1);
  expect(heard.at(-1)).toEqual(["10.0.0.3:4000"]);
  await time.advance(5 * RESOLVE_MS);
  expect(heard).toHaveLength(3);
});

test("SRV records say host and port", async () => {
  const { heard, watch, time, hosts, services } = start("srv:_grpc._tcp.order.internal");
  services.set("_grpc._tcp.order.internal", [
    { host: "a.internal", port: 4001 },
    { host: "b.internal", port: 4002 },
  ]);
  hosts.set("a.internal", ["10.0.0.1"]);
  hosts.set("b.internal", ["10.0.0.2"]);
  watch();
  await time.advance(0);
  expect(heard.at(-1)).toEqual(["10.0.0.1:4001", "10.0.0.2:4002"]);
});

test("a name that cannot be resolved keeps what it was, and is looked up soon", async () => {
  const { heard, watch, time, hosts } = start("dns:order.internal:4000");
  hosts.set("order.internal", ["10.0.0.2"]);
  watch();
  await time.advance(0);
  hosts.delete("order.internal");
  await time.advance(RESOLVE_MS);
  expect(heard.at(-1)).toEqual(["10.0.0.2:4000"]);
  hosts.set("order.internal", ["10.0.0.4"]);
  await time.advance(RESOLVE_AGAIN_MS);
  expect(heard.at(-1)).toEqual(["10.0.0.4:4000"]);
});

test("an endpoint that could not be reached makes names be looked up soon, once a second at most", async () => {
  const { watch, time, hosts, source, asked, heard } = start("dns:order.internal:4000");
  hosts.set("order.internal", ["10.0.0.2"]);
  watch();
  await time.advance(0);
  for (let failure = 0; failure < 100; failure++) source.doubt?.("echo.v1.EchoService");
  expect(asked()).toBe(1);
  hosts.set("order.internal", ["10.0.0.5"]);
  await time.advance(RESOLVE_AGAIN_MS);
  expect(heard.at(-1)).toEqual(["10.0.0.5:4000"]);
  expect(asked()).toBe(2);
});

test("a stop ends the looking", async () => {
  const { watch, time, hosts, source, asked } = start("dns:order.internal:4000");
  hosts.set("order.internal", ["10.0.0.2"]);
  watch();
  await time.advance(0);
  source.stop();
  await time.advance(10 * RESOLVE_MS);
  expect(asked()).toBe(1);
  expect(time.pending()).toBe(0);
});
