import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startMesh, type TestMesh } from "../mesh.ts";
import { compileProtos, registryOf } from "./compile-protos.ts";
import { requireTools } from "./tools.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/exchange");

let mesh: TestMesh;

beforeAll(async () => {
  requireTools("go", "protoc-gen-go", "protoc-gen-go-grpc", "python3");
  execFileSync("go", ["build", "-o", "bin/exchange", "."], { cwd: `${EXAMPLE}/go`, stdio: "inherit" });
  mesh = await startMesh(["gateway"]);
}, 300_000);

afterAll(() => mesh?.stop());

/** What serves the contract: a program of the example. */
const PROGRAMS = {
  Go: { command: `${EXAMPLE}/go/bin/exchange`, source: "exchange-go" },
  Python: { command: `${EXAMPLE}/python/run.sh`, source: "exchange-python" },
} as const;

const instances = async () =>
  (await mesh.client(RegistryService).listInstances({ serviceName: "exchange" })).instances.length;

/** Starts a program of the example and waits until it is admitted. */
const join = async (program: keyof typeof PROGRAMS): Promise<ChildProcess> => {
  const before = await instances();
  const child = spawn(PROGRAMS[program].command, {
    env: { ...process.env, HEDDLE_GATEWAY: mesh.url },
    stdio: ["ignore", "ignore", "inherit"],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(instances).toBe(before);
  });
  await expect.poll(instances, { timeout: 240_000, interval: 50 }).toBe(before + 1);
  return child;
};

/** Calls the contract by the descriptors alone: no code of it is generated for TypeScript. */
const service = () => {
  const found = registryOf(compileProtos(`${EXAMPLE}/proto`)).getService("exchange.v1.ExchangeService");
  if (found === undefined) throw new Error("exchange.v1.ExchangeService is not in its own contract");
  return found;
};

const PAIR = { baseCurrency: "EUR", quoteCurrency: "USD" };

const json = async (path: string, init?: RequestInit) => {
  const response = await fetch(`${mesh.url}${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

test("the Go code of the contracts is what these generate", () => {
  const folder = `${EXAMPLE}/go/contracts`;
  const root = resolve(import.meta.dirname, "../..");
  const textsIn = () =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".go"))
      .map((file) => [file, readFileSync(`${folder}/${file}`, "utf8")]);
  const committed = textsIn();
  const buf = resolve(root, "node_modules/.bin/buf");
  execFileSync(buf, ["generate", "--template", "examples/exchange/go/buf.gen.yaml"], { cwd: root, stdio: "inherit" });
  expect(textsIn()).toEqual(committed);
});

describe.each(Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[])("a service written in %s", (program) => {
  const { source } = PROGRAMS[program];

  test("is called by every protocol", async () => {
    await join(program);
    for (const transport of [
      createGrpcTransport({ baseUrl: mesh.url }),
      createGrpcWebTransport({ baseUrl: mesh.url, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl: mesh.url, httpVersion: "1.1" }),
      createConnectTransport({ baseUrl: mesh.url, httpVersion: "2", useBinaryFormat: true, useHttpGet: true }),
    ]) {
      const client = createClient(service(), transport) as unknown as ExchangeClient;
      expect(await client.getRate(PAIR)).toMatchObject({ rate: { micros: 1_100_000n, source } });
      const worth = await client.convertMoney({
        amount: { currencyCode: "EUR", minorUnits: -1005n },
        quoteCurrency: "USD",
      });
      expect(worth).toMatchObject({ amount: { currencyCode: "USD", minorUnits: -1106n } });
      const micros: bigint[] = [];
      for await (const { rate } of client.watchRate({ ...PAIR, changesMax: 3 })) micros.push(rate?.micros ?? 0n);
      expect(micros).toEqual([1_100_000n, 1_100_001n, 1_100_000n]);
      await expect(client.getRate({ ...PAIR, quoteCurrency: "NOK" })).rejects.toMatchObject({
        rawMessage: "There is no rate of EUR in NOK.",
        details: [{ type: "google.rpc.ErrorInfo" }],
      });
    }
  }, 300_000);

  test("has REST routes and a place in the documentation", async () => {
    await join(program);
    expect(await json("/v1/rates/EUR/USD")).toMatchObject({
      status: 200,
      body: { rate: { baseCurrency: "EUR", quoteCurrency: "USD", micros: "1100000", source } },
    });
    expect(await json("/v1/rates/EUR/NOK")).toMatchObject({
      status: 404,
      body: { code: 5, message: "There is no rate of EUR in NOK.", details: [{ reason: "RATE_UNKNOWN" }] },
    });
    const posted = await json("/v1/money:convert", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ amount: { currencyCode: "GBP", minorUnits: "100" }, quoteCurrency: "USD" }),
    });
    expect(posted).toMatchObject({ status: 200, body: { amount: { currencyCode: "USD", minorUnits: "125" } } });
    const watched = await fetch(`${mesh.url}/v1/rates/EUR/USD:watch?changes_max=2`);
    expect((await watched.text()).trim().split("\n")).toHaveLength(2);
    const { body: document } = await json("/openapi/exchange.v1.json");
    expect(document).toMatchObject({ paths: { "/v1/rates/{base_currency}/{quote_currency}": { get: {} } } });
  }, 300_000);

  test("leaves when it is stopped, and is lost when it is killed", async () => {
    const child = await join(program);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(await instances()).toBe(0);
    const killed = await join(program);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    await expect.poll(instances).toBe(0);
  }, 300_000);
});

test("a program in Go and one in Python are replicas of one service", async () => {
  await join("Go");
  await join("Python");
  const sources = new Set<unknown>();
  const ask = async () => {
    const { body } = await json("/v1/rates/EUR/USD");
    sources.add((body.rate as { source: string }).source);
    return [...sources].sort();
  };
  // The one that came last begins with a small share.
  await expect.poll(ask, { timeout: 20_000 }).toEqual(["exchange-go", "exchange-python"]);
}, 300_000);

/** What the tests use of the service; its types are made of descriptors at run time. */
interface ExchangeClient {
  getRate(request: typeof PAIR): Promise<unknown>;
  convertMoney(request: {
    amount: { currencyCode: string; minorUnits: bigint };
    quoteCurrency: string;
  }): Promise<unknown>;
  watchRate(request: typeof PAIR & { changesMax: number }): AsyncIterable<{ rate?: { micros: bigint } }>;
}
