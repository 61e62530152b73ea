import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { register } from "../mesh/discovery/index.ts";
import { createLog } from "../mesh/observe/index.ts";
import { grpcTransport } from "../mesh/rpc/index.ts";
import { systemRuntime } from "../mesh/runtime/index.ts";
import { startService } from "../mesh/service/index.ts";
import { gateway } from "../services/gateway/service.ts";
import { openToAll } from "./open-to-all.ts";

/** A server that is no part of the mesh, such as one in another language. */
export interface Stranger {
  readonly port: number;
  readonly services: readonly DescService[];
}

/** A gateway in this process, and on a port, that some servers are registered with. */
export const gatewayBefore = async (
  strangers: readonly Stranger[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly url: string; readonly port: number; stop(): Promise<void> }> => {
  const runtime = systemRuntime();
  const log = createLog({
    service: "gateway",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-gateway-"));
  const running = await startService(gateway as never, {
    env: { ...env, HEDDLE_DATA: dataFolder },
    runtime,
    log,
    transportFor: () => grpcTransport("http://127.0.0.1:1", runtime),
    neighbours: new Map(),
    listenOn: { host: "127.0.0.1", port: 0 },
    onFatal: (error) => {
      throw error;
    },
  });
  const url = `http://${running.address}`;
  const registrations = strangers.map(({ port, services }, index) =>
    register({
      instance: {
        instanceId: `ins_stranger${index}`,
        address: `127.0.0.1:${port}`,
        definition: { name: "stranger", version: "1.0.0" },
        services: services.map(openToAll),
      },
      transport: grpcTransport(url, runtime),
      runtime,
      log,
    }),
  );
  await Promise.all(registrations.map(({ registered }) => registered));
  return {
    url,
    port: Number(new URL(url).port),
    async stop() {
      await Promise.all(registrations.map((registration) => registration.leave()));
      await running.stop(500);
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
};
