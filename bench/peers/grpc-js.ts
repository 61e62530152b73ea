// A bare grpc-js server with the same store and codec. Arguments: the database. Prints its port.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import {
  CustomerService,
  type GetCustomerRequest,
  type GetCustomerResponse,
  GetCustomerResponseSchema,
} from "@heddle/contracts/customer/v1";
import { openPointRead } from "./point-read.ts";

const { getCustomer } = CustomerService.method;
const read = await openPointRead(process.argv[2] ?? "");
const handler: handleUnaryCall<GetCustomerRequest, GetCustomerResponse> = (call, done) => {
  read(call.request.customerId).then(
    (reply) => done(null, create(GetCustomerResponseSchema, reply)),
    (error) => done(error),
  );
};
const server = new Server();
server.addService(
  {
    getCustomer: {
      path: `/${CustomerService.typeName}/${getCustomer.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (message: GetCustomerRequest) => Buffer.from(toBinary(getCustomer.input, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(getCustomer.input, bytes),
      responseSerialize: (message: GetCustomerResponse) => Buffer.from(toBinary(getCustomer.output, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(getCustomer.output, bytes),
    },
  },
  { getCustomer: handler },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
