import { Code, ConnectError } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { systemRuntime } from "@heddle/mesh/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";
import { waysTo } from "./strangers/call-stranger.ts";
import { startStranger } from "./strangers/stranger.ts";

// Services of contracts that nobody has seen come and go while others are called.

const runtime = systemRuntime();
/** Contracts that come and go. */
const STRANGERS = 20;
/** Calls at a time that go on meanwhile. */
const CALLERS = 4;

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(["gateway", "customer"]);
}, 60_000);

afterAll(() => mesh?.stop());

/** Calls a service without a pause until it is stopped; resolves to how many calls there were, and rejects with the first that failed. */
const keepCalling = () => {
  const customers = mesh.client(CustomerService);
  let going = true;
  const callers = Array.from({ length: CALLERS }, async () => {
    let calls = 0;
    while (going) {
      await customers.listCustomers({ pageSize: 1 });
      calls++;
    }
    return calls;
  });
  const done = Promise.all(callers).then((counts) => counts.reduce((sum, count) => sum + count, 0));
  done.catch(() => undefined);
  return {
    stop() {
      going = false;
      return done;
    },
  };
};

/** Holds a stream open and notes what comes. */
const keepWatching = () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const ended = (async () => {
    try {
      for await (const { body } of mesh.client(RegistryService).watch({}, { signal: stop.signal })) {
        if (body.case === "change") seen.push(body.value.instance?.serviceName ?? "");
      }
      return "the stream ended";
    } catch (error) {
      return ConnectError.from(error).code === Code.Canceled ? "cancelled" : String(error);
    }
  })();
  return {
    seen,
    stop() {
      stop.abort();
      return ended;
    },
  };
};

test("contracts never seen before come and go under load, are called by every protocol, and nothing else notices", async () => {
  const ways = waysTo(mesh.url);
  const load = keepCalling();
  const watcher = keepWatching();
  for (let n = 0; n < STRANGERS; n++) {
    const stranger = await startStranger(n, mesh.url, runtime);
    await stranger.registered;
    for (const { name, call } of ways) expect(await call(stranger), name).toBe("hello you");
    await stranger.stop();
    const [grpc] = ways;
    await expect(grpc?.call(stranger)).rejects.toMatchObject({ code: Code.Unavailable });
  }
  expect(await load.stop()).toBeGreaterThan(STRANGERS);
  await expect.poll(() => watcher.seen.filter((name) => name.startsWith("stranger"))).toHaveLength(2 * STRANGERS);
  expect(await watcher.stop()).toBe("cancelled");
}, 120_000);
