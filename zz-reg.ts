import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { createLog } from "@heddle/mesh/observe";
import { register } from "@heddle/mesh/discovery";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
const runtime = systemRuntime();
const set = fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2]!));
const services = [...createFileRegistry(set)].filter((d) => d.kind === "service");
const t = Date.now();
const r = register({ instance: { instanceId: "ins_big" + t, address: "127.0.0.1:1", definition: { name: "big", version: "1.0.0" } as never, services }, transport: grpcTransport("http://127.0.0.1:18480", runtime), runtime,
  log: createLog({ service: "big", level: "info", clock: runtime.clock }) } as never);
setInterval(() => 0, 1000);
await r.registered; console.log("registered after", Date.now() - t);
setTimeout(() => process.exit(0), Number(process.argv[3] ?? 3000));
