// A bare grpc-js server with the same store and codec. Arguments: the database, if any.
import { type handleServerStreamingCall, type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { CustomerService, type GetCustomerRequest, type GetCustomerResponse } from "@heddle/contracts/customer/v1";
import { announce } from "./announce.ts";
import { grpcJsMethod } from "./grpc-js-method.ts";
import { openPointRead } from "./point-read.ts";
import { REPLY, type StreamReply, type StreamRequest, StreamService } from "./stream-contract.ts";

const read = await openPointRead(process.argv[2]);

const getCustomer: handleUnaryCall<GetCustomerRequest, GetCustomerResponse> = (call, done) => {
  read(call.request.customerId).then(
    (reply) => done(null, reply),
    (error) => done(error),
  );
};

/** Writes until it is told to wait, as Node's streams want it. */
const send: handleServerStreamingCall<StreamRequest, StreamReply> = (call) => {
  let left = call.request.messages;
  const writeMore = () => {
    while (left > 0) {
      left--;
      if (!call.write(REPLY)) return;
    }
    call.off("drain", writeMore);
    call.end();
  };
  call.on("drain", writeMore);
  writeMore();
};

const server = new Server();
server.addService({ getCustomer: grpcJsMethod(CustomerService.method.getCustomer) }, { getCustomer });
server.addService({ send: grpcJsMethod(StreamService.method.send) }, { send });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  announce(port);
});
