// Our server with a handler that computes. Argument: "on", or "off" for a server that begins every call.
import { createHash } from "node:crypto";
import type { DescMethod } from "@bufbuild/protobuf";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { createLog } from "@heddle/mesh/observe";
import { createRpcServer, type Handler, type OverloadGuard } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { announce } from "./announce.ts";

/** Bytes that each call hashes: about a millisecond of work. */
const WORK = Buffer.alloc(1_500_000, 7);

const compute = (() => {
  createHash("sha256").update(WORK).digest();
  return {};
}) as unknown as Handler<DescMethod>;

const begins: OverloadGuard = {
  enter: () => ({ priority: "normal", check: () => undefined }),
  describe: () => {
    throw new Error("nothing is shed");
  },
};

const runtime = systemRuntime();
const server = createRpcServer({
  implementations: [
    {
      service: CustomerService,
      handlers: Object.fromEntries(CustomerService.methods.map(({ localName }) => [localName, compute])),
    },
  ],
  runtime,
  log: createLog({ service: "bench", level: "info", ...runtime }),
  overload: process.argv[2] === "off" ? begins : undefined,
});
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
announce(port);
