import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemTimers } from "../../mesh/runtime/index.ts";
import { bareTransport, connectNodeTransport } from "./bare-transport.ts";
import { descriptorSet, InteropService, registry } from "./contract.ts";
import { grpcJsTransport } from "./grpc-js-transport.ts";
import { interopHandlers } from "./handlers.ts";
import { type PeerOutcome, type PeerProgram, peerCalls, peerLoop, peerServer } from "./peer-program.ts";
import { loop, SCENARIOS, type Transports } from "./scenarios.ts";
import { type BareServer, serveBare } from "./serve-bare.ts";
import { serveConnectNode } from "./serve-connect-node.ts";
import { serveGrpcJs } from "./serve-grpc-js.ts";
import { requireTools, runToEnd } from "./tools.ts";

// Peers of every make, as clients of our server and as servers of our client.

const folder = mkdtempSync(join(tmpdir(), "heddle-interop-"));
const set = join(folder, "interop.binpb");
const programs: Readonly<Record<string, PeerProgram>> = {
  "grpc-go": { command: join(folder, "interop-go"), args: [], descriptorSet: set },
  grpcio: {
    command: "/usr/bin/python3",
    args: [join(import.meta.dirname, "python/interop.py")],
    descriptorSet: set,
  },
};

beforeAll(async () => {
  requireTools("go", "/usr/bin/python3");
  writeFileSync(set, descriptorSet);
  const built = await runToEnd("go", ["build", "-o", join(folder, "interop-go"), "."], {
    cwd: join(import.meta.dirname, "go"),
    timeoutMs: 170_000,
  });
  expect(built).toMatchObject({ code: 0 });
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MESSAGE_BYTES_MAX = 16 << 20;
const OURS = { service: InteropService, handlers: interopHandlers, registry, messageBytesMax: MESSAGE_BYTES_MAX };

describe.each(Object.keys(programs))("%s calls our server", (name) => {
  const peer = programs[name] as PeerProgram;
  let server: BareServer;
  let outcomes: PeerOutcome[];
  beforeAll(async () => {
    server = await serveBare(OURS);
    outcomes = await peerCalls(peer, `127.0.0.1:${server.port}`);
  }, 60_000);
  afterAll(() => server.drain(0));

  test.each(Object.keys(SCENARIOS))("%s", (scenario) => {
    expect(outcomes.find((outcome) => outcome.scenario === scenario)).toEqual({ scenario, wrong: "" });
  });

  test("no call is lost while one instance after another stops and the next takes its port", async () => {
    let serving = await serveBare(OURS);
    onTestFinished(() => serving.drain(0));
    const running = await peerLoop(peer, `127.0.0.1:${serving.port}`);
    for (let turn = 0; turn < TURNS; turn++) {
      await systemTimers.sleep(BETWEEN_TURNS_MS);
      serving = await replaced(serving, (port) => serveBare({ ...OURS, port }));
    }
    const { wrong, calls } = await running.stop();
    expect(wrong).toBe("");
    expect(calls).toBeGreaterThan(TURNS * 8);
  }, 30_000);
});

const transportsTo: Readonly<Record<string, (port: number) => Transports>> = {
  "grpc-js": (port) => ({
    plain: grpcJsTransport({ address: `127.0.0.1:${port}` }),
    gzip: grpcJsTransport({ address: `127.0.0.1:${port}`, gzip: true }),
  }),
  "connect-node": (port) => ({
    plain: connectNodeTransport({ baseUrl: `http://127.0.0.1:${port}` }),
    gzip: connectNodeTransport({ baseUrl: `http://127.0.0.1:${port}`, gzip: true }),
  }),
};

describe.each(Object.keys(transportsTo))("%s calls our server", (name) => {
  let server: BareServer;
  let transports: Transports;
  beforeAll(async () => {
    server = await serveBare(OURS);
    transports = transportsTo[name]?.(server.port) as Transports;
  });
  afterAll(() => server.drain(0));

  test.each(Object.entries(SCENARIOS))("%s", async (_, scenario) => {
    await scenario(createClient(InteropService, transports.plain), transports);
  });
});

test("grpc-js loses no call while one instance after another of ours stops and the next takes its port", async () => {
  await losesNoCall(
    await serveBare(OURS),
    (port) => serveBare({ ...OURS, port }),
    (port) => grpcJsTransport({ address: `127.0.0.1:${port}` }),
  );
}, 30_000);

/** Starts a server of every make; its `drain` stops it gracefully, and starts its successor where `successor` does not. */
const servers: Readonly<
  Record<string, { start(): Promise<BareServer>; successor?(port: number): Promise<BareServer> }>
> = {
  "grpc-go": { start: () => startProgram("grpc-go") },
  grpcio: { start: () => startProgram("grpcio") },
  "grpc-js": { start: () => serveGrpcJs(), successor: serveGrpcJs },
  "connect-node": { start: () => serveConnectNode(OURS), successor: (port) => serveConnectNode({ ...OURS, port }) },
};

const startProgram = async (name: string): Promise<BareServer> => {
  const server = await peerServer(programs[name] as PeerProgram);
  stops.push(server.stop);
  return server;
};
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

describe.each(Object.keys(servers))("our client calls %s", (name) => {
  let server: BareServer;
  let transports: Transports;
  beforeAll(async () => {
    server = await (servers[name] as (typeof servers)[string]).start();
    const options = { baseUrl: `http://127.0.0.1:${server.port}`, messageBytesMax: MESSAGE_BYTES_MAX };
    transports = { plain: bareTransport(options), gzip: bareTransport({ ...options, gzip: true }) };
  }, 30_000);

  test.each(Object.entries(SCENARIOS))("%s", async (_, scenario) => {
    await scenario(createClient(InteropService, transports.plain), transports);
  });

  // A server of grpcio answers calls that cross its stop with CANCELLED, whoever's client they come from.
  test.skipIf(name === "grpcio")(
    "no call is lost while one instance after another stops and the next takes its port",
    async () => {
      const { start, successor } = servers[name] as (typeof servers)[string];
      await losesNoCall(await start(), successor, (port) => bareTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    },
    30_000,
  );
});

/** Instances that stop in one test, and the milliseconds that each serves. */
const TURNS = 5;
const BETWEEN_TURNS_MS = 100;

const losesNoCall = async (
  first: BareServer,
  successor: ((port: number) => Promise<BareServer>) | undefined,
  client: (port: number) => Transport,
): Promise<void> => {
  let serving = first;
  onTestFinished(() => (successor === undefined ? undefined : serving.drain(0)));
  const stopped = new AbortController();
  const running = loop(client(first.port), stopped.signal);
  for (let turn = 0; turn < TURNS; turn++) {
    await systemTimers.sleep(BETWEEN_TURNS_MS);
    if (successor === undefined) await serving.drain(10_000);
    else serving = await replaced(serving, successor);
  }
  await systemTimers.sleep(BETWEEN_TURNS_MS);
  stopped.abort();
  const { wrong, calls } = await running;
  expect(wrong).toBe("");
  expect(calls).toBeGreaterThan(TURNS * 8);
};

/** Stops a server gracefully while its successor takes the port over as soon as it is free. */
const replaced = async (server: BareServer, successor: (port: number) => Promise<BareServer>): Promise<BareServer> => {
  const drained = server.drain(10_000);
  for (;;) {
    try {
      const next = await successor(server.port);
      await drained;
      return next;
    } catch {
      // The port is not free yet.
      await systemTimers.sleep(1);
    }
  }
};
