import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { CreateCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../mesh/observe/index.ts";
import { createRpcServer, memoryTransport } from "../mesh/rpc/index.ts";
import { systemRuntime } from "../mesh/runtime/index.ts";
import { startService } from "../mesh/service/start-service.ts";
import { customer } from "../services/customer/service.ts";

/** The customer service on a socket, on a folder that outlives it. */
const start = async (folder: string) => {
  const runtime = systemRuntime();
  const log = createLog({
    service: "customer",
    level: "silent",
    clock: runtime.clock,
    destination: { write: () => undefined },
  });
  const nobody = createRpcServer({ implementations: [], runtime, log });
  return startService(customer, {
    env: { HEDDLE_DATA: folder },
    runtime,
    log,
    transportFor: () => memoryTransport(nobody, runtime),
    neighbours: new Map(),
    listenOn: { host: "127.0.0.1", port: 0 },
    onFatal: (error) => {
      throw error;
    },
  });
};

/** The body of each answer to the same request, sent so many times at once by a client that knows nothing of messages. */
const bodies = async (address: string, body: Uint8Array, times: number): Promise<Buffer[]> => {
  const session = connect(`http://${address}`);
  const one = async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/customer.v1.CustomerService/CreateCustomer",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(body);
    const pieces: Buffer[] = [];
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    await once(stream, "end");
    return Buffer.concat(pieces);
  };
  try {
    return await Promise.all(Array.from({ length: times }, one));
  } finally {
    session.close();
  }
};

test("a repeated request id is answered with the first reply's bytes, at once, later and after a restart", async () => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-replay-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const message = toBinary(
    CreateCustomerRequestSchema,
    create(CreateCustomerRequestSchema, {
      givenName: "Ada",
      familyName: "Lovelace",
      email: "ada@example.com",
      birthDate: { year: 1980, month: 2, day: 29 },
      requestId: "0b8a2a3e-6f0e-4c49-9d0b-6a2a3f0f8c11",
    }),
  );
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(message.length, 1);
  const body = Buffer.concat([envelope, message]);
  const first = await start(folder);
  // In one batch of the store, so that the second finds what the first has not made durable yet.
  const [reply, ...together] = await bodies(first.address, body, 8);
  expect(reply?.length).toBeGreaterThan(50);
  const [later] = await bodies(first.address, body, 1);
  await first.stop(1_000);
  const second = await start(folder);
  const [restarted] = await bodies(second.address, body, 1);
  await second.stop(1_000);
  for (const other of [...together, later, restarted]) expect(other?.equals(reply ?? Buffer.alloc(0))).toBe(true);
});
