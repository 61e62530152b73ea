import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { systemRandom } from "@heddle/mesh/runtime";

const ROOT = new URL("../", import.meta.url).pathname;

/** All services of the repository, the gateway first. */
export const ALL_SERVICES: readonly string[] = [
  "gateway",
  ...readdirSync(join(ROOT, "services")).filter((name) => name !== "gateway"),
];

/** A mesh of real processes for one test file. */
export interface TestMesh {
  /** The gateway, as `http://127.0.0.1:port`. */
  readonly url: string;
  readonly dataFolder: string;
  /** A gRPC client through the gateway. */
  client<S extends DescService>(service: S): Client<S>;
  /** Sends a signal to one process, `order` or a replica of it, `order-2`, and waits for its end. */
  kill(service: string, signal: NodeJS.Signals): Promise<void>;
  /** Sends a signal that does not end a process, such as SIGSTOP. */
  signal(service: string, signal: NodeJS.Signals): void;
  /** Starts a service that has ended, or one replica more of it: `order-2`. */
  start(service: string): Promise<void>;
  /** The instance's own `host:port`. */
  addressOf(service: string): string;
  /** What a service has written to stdout so far. */
  logOf(service: string): string;
  stop(): Promise<void>;
}

/**
 * Starts the gateway and `services`, and replicas of them where it names them, as processes on a free port and a data folder of their own, with `env` beside what they need,
 * and resolves when all are registered.
 */
export const startMesh = async (
  services: readonly string[] = ALL_SERVICES,
  env: NodeJS.ProcessEnv = {},
): Promise<TestMesh> => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-mesh-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const running = new Map<string, ChildProcess>();
  const addresses = new Map<string, string>();
  const logs = new Map<string, string>();

  const start = async (service: string) => {
    const child = spawn(
      process.execPath,
      ["--conditions=source", join(ROOT, "services", serviceOf(service), "main.ts")],
      {
        // HEDDLE_GATEWAY as well: one of the shell would have the services register with another mesh.
        env: {
          ...process.env,
          HEDDLE_GATEWAY: url,
          HEDDLE_PORT: String(port),
          HEDDLE_DATA: dataFolder,
          HEDDLE_LOG_LEVEL: "info",
          ...env,
        },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      },
    );
    running.set(service, child);
    const keep = (chunk: Buffer) => logs.set(service, (logs.get(service) ?? "") + chunk.toString());
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    const ready = once(child, "message") as Promise<[{ address: string }]>;
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`${service} ended with ${code} before it was ready:\n${logs.get(service)}`);
    });
    ended.catch(() => undefined);
    const [{ address }] = await Promise.race([ready, ended]);
    addresses.set(service, address);
  };
  const kill = async (service: string, signal: NodeJS.Signals) => {
    const child = running.get(service);
    running.delete(service);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  };

  const mesh: TestMesh = {
    url,
    dataFolder,
    client: (service) => createClient(service, createGrpcTransport({ baseUrl: url })),
    kill,
    signal: (service, signal) => void running.get(service)?.kill(signal),
    start,
    addressOf: (service) => addresses.get(service) ?? "",
    logOf: (service) => logs.get(service) ?? "",
    async stop() {
      // One that is stopped would not hear that it is to end.
      for (const child of running.values()) child.kill("SIGCONT");
      const others = [...running.keys()].filter((service) => service !== "gateway");
      await Promise.all(others.map((service) => kill(service, "SIGTERM")));
      await kill("gateway", "SIGTERM");
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(["gateway", ...services.filter((name) => name !== "gateway")].map(start));
  } catch (error) {
    await mesh.stop();
    throw error;
  }
  return mesh;
};

/** The service of a process: `order` for `order-2`. */
export const serviceOf = (processName: string): string => processName.replace(/-\d+$/, "");

/** The names of `count` processes of one service: `order`, `order-2`, `order-3`. */
export const replicasOf = (service: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => (index === 0 ? service : `${service}-${index + 1}`));

/** The whole mesh, for the tests that come with a client of their own. */
export const startMeshForTest = async (): Promise<{ baseUrl: string; stop(): Promise<void> }> => {
  const mesh = await startMesh(["customer"]);
  return { baseUrl: mesh.url, stop: () => mesh.stop() };
};

/**
 * A port of the loopback address that nobody listens on. Below those that the kernel gives to outgoing connections: one of them could
 * take it while what listens there is restarted.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 12_000 + systemRandom.below(20_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
};
