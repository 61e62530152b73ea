// node:http2 with nothing above it but the codec. Arguments: the server's address, a customer's id.
import { connect } from "node:http2";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { GetCustomerRequestSchema, GetCustomerResponseSchema } from "@heddle/contracts/customer/v1";
import { serveCalls } from "./serve-calls.ts";

const ENVELOPE_BYTES = 5;
const [address = "", customerId = ""] = process.argv.slice(2);
const session = connect(`http://${address}`);
const HEADERS = {
  ":method": "POST",
  ":path": "/customer.v1.CustomerService/GetCustomer",
  "content-type": "application/grpc",
  te: "trailers",
};
serveCalls(
  () =>
    new Promise((resolve, reject) => {
      const stream = session.request(HEADERS);
      let reply: Buffer = Buffer.alloc(0);
      stream.on("data", (chunk: Buffer) => {
        reply = reply.length === 0 ? chunk : Buffer.concat([reply, chunk]);
      });
      stream.once("trailers", (trailers) => {
        if (trailers["grpc-status"] !== "0") reject(new Error(`grpc-status ${trailers["grpc-status"]}`));
      });
      stream.once("end", () => resolve(fromBinary(GetCustomerResponseSchema, reply.subarray(ENVELOPE_BYTES))));
      stream.once("error", reject);
      stream.end(
        encodeEnvelope(0, toBinary(GetCustomerRequestSchema, create(GetCustomerRequestSchema, { customerId }))),
      );
    }),
);
