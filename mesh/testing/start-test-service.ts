import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createLog } from "../observe/index.ts";
import { createRpcServer, grpcTransport, type Implementation, memoryTransport } from "../rpc/index.ts";
import { type Runtime, systemRuntime } from "../runtime/index.ts";
import type { Variables } from "../service/config.ts";
import type { ServiceDefinition } from "../service/define-service.ts";
import { startService } from "../service/start-service.ts";
import type { Store } from "../store/store.ts";

export interface TestServiceOptions {
  /** Environment variables of the service's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** What answers the service's calls to others. */
  readonly others?: readonly Implementation[];
  /** Time and chance in the test's hands; see `fakeClock`. */
  readonly runtime?: Runtime;
  /** What the service sees of its store, such as one that is cut off at some moment. */
  readonly storeSeen?: (store: Store) => Store;
  /** True: other processes may serve the same data folder. Default: this is the only one, and nobody is looked for. */
  readonly replicas?: boolean;
  /** A data folder to take over, for a restart; by default a fresh one that goes with `stop`. */
  readonly dataFolder?: string;
}

/** A service for one test, with everything that the runtime does around its handlers; calls go through memory. */
export interface TestService {
  client<S extends DescService>(service: S): Client<S>;
  readonly dataFolder: string;
  /** The lines of its log, in order. */
  readonly log: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

/**
 * Starts a service on an empty store in a temporary folder.
 *
 * @example
 * const service = await startTestService(customer);
 * onTestFinished(() => service.stop());
 * const { customer } = await service.client(CustomerService).createCustomer({ … });
 */
export const startTestService = async <V extends Variables>(
  definition: ServiceDefinition<V>,
  options: TestServiceOptions = {},
): Promise<TestService> => {
  const { runtime = systemRuntime(), others = [] } = options;
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), "heddle-test-"));
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: definition.name,
    level: "debug",
    clock: runtime.clock,
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const silent = createLog({
    service: "others",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const neighbours = createRpcServer({ implementations: others, runtime, log: silent });
  const running = await startService(definition as unknown as ServiceDefinition, {
    env: { ...options.env, HEDDLE_DATA: dataFolder },
    runtime,
    log,
    transportFor: () => memoryTransport(neighbours, runtime),
    neighbours: new Map(),
    replicaAt: options.replicas ? (address) => grpcTransport(`http://${address}`, runtime) : undefined,
    storeSeen: options.storeSeen,
    listenOn: undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  const transport = memoryTransport(running.server, runtime);
  return {
    client: (service) => createClient(service, transport),
    dataFolder,
    log: lines,
    async stop() {
      await running.stop(1_000);
      if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
    },
  };
};
