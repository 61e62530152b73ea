// A gateway under test of connectconformance, before an instance that is asked for gRPC alone.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { register } from "../../../mesh/discovery/index.ts";
import { createLog } from "../../../mesh/observe/index.ts";
import { grpcTransport } from "../../../mesh/rpc/index.ts";
import { systemRuntime } from "../../../mesh/runtime/index.ts";
import { startService } from "../../../mesh/service/index.ts";
import { gateway } from "../../../services/gateway/service.ts";
import { serveBare } from "../serve-bare.ts";
import { ConformanceService, registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./contract.ts";
import { framed, readFramed } from "./framed.ts";
import { conformanceHandlers } from "./handlers.ts";

const runtime = systemRuntime();
const log = createLog({
  service: "interop",
  level: "silent",
  clock: runtime.clock,
  destination: { write: () => undefined },
});

for await (const _ of readFramed(process.stdin, ServerCompatRequestSchema)) {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-conformance-"));
  const instance = await serveBare({ registry, service: ConformanceService, handlers: conformanceHandlers });
  const running = await startService(gateway as never, {
    env: { HEDDLE_DATA: dataFolder },
    runtime,
    log,
    transportFor: () => grpcTransport("http://127.0.0.1:1", runtime),
    neighbours: new Map(),
    listenOn: { host: "127.0.0.1", port: 0 },
    onFatal: (error) => {
      throw error;
    },
  });
  const registration = register({
    instance: {
      instanceId: "ins_conformance",
      address: `127.0.0.1:${instance.port}`,
      definition: { name: "conformance", version: "1.0.0" },
      services: [ConformanceService as DescService],
    },
    transport: grpcTransport(`http://${running.address}`, runtime),
    runtime,
    log,
  });
  await registration.registered;
  const response = { host: "127.0.0.1", port: Number(running.address.split(":")[1]), pemCert: new Uint8Array() };
  process.stdout.write(framed(ServerCompatResponseSchema, response));
  process.on("SIGTERM", () => {
    rmSync(dataFolder, { recursive: true, force: true });
    process.exit(0);
  });
  break;
}
