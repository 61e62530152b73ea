// A gateway under test of connectconformance, before an instance that is asked for gRPC alone.

import type { DescService } from "@bufbuild/protobuf";
import { gatewayBefore } from "../../gateway-before.ts";
import { serveBare } from "../serve-bare.ts";
import { ConformanceService, registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./contract.ts";
import { framed, readFramed } from "./framed.ts";
import { conformanceHandlers } from "./handlers.ts";

for await (const _ of readFramed(process.stdin, ServerCompatRequestSchema)) {
  const instance = await serveBare({ registry, service: ConformanceService, handlers: conformanceHandlers });
  const services = [ConformanceService as DescService];
  const gateway = await gatewayBefore([{ port: instance.port, services }]);
  const response = { host: "127.0.0.1", port: gateway.port, pemCert: new Uint8Array() };
  process.stdout.write(framed(ServerCompatResponseSchema, response));
  process.on("SIGTERM", () => void gateway.stop().finally(() => process.exit(0)));
  break;
}
