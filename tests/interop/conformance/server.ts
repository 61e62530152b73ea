// A server under test of connectconformance: reads what to be from stdin, and writes where it is to stdout.

import { serveBare } from "../serve-bare.ts";
import { ConformanceService, registry, ServerCompatRequestSchema, ServerCompatResponseSchema } from "./contract.ts";
import { framed, readFramed } from "./framed.ts";
import { conformanceHandlers } from "./handlers.ts";

for await (const asked of readFramed(process.stdin, ServerCompatRequestSchema)) {
  const { serverCreds, clientTlsCert, messageReceiveLimit } = asked;
  const server = await serveBare({
    registry,
    service: ConformanceService,
    handlers: conformanceHandlers,
    messageBytesMax: messageReceiveLimit || undefined,
    tls:
      serverCreds === undefined
        ? undefined
        : { key: serverCreds.key, cert: serverCreds.cert, ca: clientTlsCert.length > 0 ? clientTlsCert : undefined },
  });
  const response = { host: "127.0.0.1", port: server.port, pemCert: serverCreds?.cert ?? new Uint8Array() };
  process.stdout.write(framed(ServerCompatResponseSchema, response));
  process.on("SIGTERM", () => process.exit(0));
  break;
}
