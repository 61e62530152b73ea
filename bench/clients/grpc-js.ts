// grpc-js. Arguments: the server's address, a customer's id.

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { CustomerService, GetCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { grpcJsMethod } from "../peers/grpc-js-method.ts";
import { serveCalls } from "./serve-calls.ts";

const [address = "", customerId = ""] = process.argv.slice(2);
const client = new Client(address, credentials.createInsecure());
const { path, requestSerialize, responseDeserialize } = grpcJsMethod(CustomerService.method.getCustomer);
serveCalls(
  () =>
    new Promise((resolve, reject) => {
      const request = create(GetCustomerRequestSchema, { customerId });
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, reply) =>
        error ? reject(error) : resolve(reply),
      );
    }),
);
