import { create, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { systemClock } from "@heddle/mesh/runtime";
import type { SteadyLoad } from "./steady-load.ts";

const { input, output, parent, name } = CustomerService.method.listCustomers;
const METHOD = `/${parent.typeName}/${name}`;
const ROUND_ROBIN = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
const TIMEOUT_MS = 20_000;

/** The same load by grpc-js as it comes, with round_robin over what the gateway's name resolves to: reads alone. */
export const grpcJsLoad = (url: string, callers: number): SteadyLoad => {
  const failures: string[] = [];
  let calls = 0;
  let isOver = false;
  const call = async (caller: number): Promise<void> => {
    const client = new Client(`dns:///${new URL(url).host}`, credentials.createInsecure(), {
      "grpc.service_config": ROUND_ROBIN,
      "grpc.use_local_subchannel_pool": 1,
    });
    const serialize = (message: MessageShape<typeof input>) => Buffer.from(toBinary(input, message));
    const deserialize = (bytes: Uint8Array) => fromBinary(output, bytes);
    while (!isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const options = { deadline: systemClock.nowMs() + TIMEOUT_MS };
      client.makeUnaryRequest(METHOD, serialize, deserialize, create(input, { pageSize: 1 }), options, (error) => {
        if (error !== null) failures.push(`grpc-js ${caller}: ${error.code} ${error.details}`);
        calls++;
        resolve();
      });
      await promise;
    }
    client.close();
  };
  const all = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return {
    async stop() {
      isOver = true;
      await all;
      return { calls, failures };
    },
  };
};
