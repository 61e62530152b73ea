// node:http2 with nothing above it: the same store and codec behind a raw stream. Arguments: the database.
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { GetCustomerRequestSchema, GetCustomerResponseSchema } from "@heddle/contracts/customer/v1";
import { announce } from "./announce.ts";
import { openPointRead } from "./point-read.ts";

const ENVELOPE_BYTES = 5;
const HEADERS = { ":status": 200, "content-type": "application/grpc" };
const TRAILERS = { "grpc-status": "0" };

const read = await openPointRead(process.argv[2]);
const server = createServer();
server.on("stream", (stream) => {
  // The request is small: it comes in one piece.
  stream.once("data", (request: Buffer) => {
    const { customerId } = fromBinary(GetCustomerRequestSchema, request.subarray(ENVELOPE_BYTES));
    read(customerId).then(
      (response) => {
        const message = toBinary(GetCustomerResponseSchema, response);
        const reply = Buffer.allocUnsafe(ENVELOPE_BYTES + message.length);
        reply[0] = 0;
        reply.writeUInt32BE(message.length, 1);
        reply.set(message, ENVELOPE_BYTES);
        stream.respond(HEADERS, { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers(TRAILERS));
        stream.end(reply);
      },
      () => stream.destroy(),
    );
  });
  stream.on("error", () => undefined);
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
