import { create, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { CustomerService, GetCustomerRequestSchema, ListCustomersRequestSchema } from "@heddle/contracts/customer/v1";
import { OrderService, WatchOrderRequestSchema } from "@heddle/contracts/order/v1";
import { GrpcWebClientBase, MethodDescriptor, MethodType, type RpcError } from "grpc-web";

// Runs in a page of another origin than the gateway's. What it finds goes to `window.outcomes`.

/** What one client of the browser got. */
export interface Outcome {
  /** E-mail addresses of the customers that are listed. */
  readonly listed: readonly string[];
  /** Names of the states that an order was seen in. */
  readonly states: readonly number[];
  /** The message of the error for a customer whom nobody knows. */
  readonly refusal: string;
}

interface Asked {
  readonly gateway: string;
  readonly orderId: string;
  readonly pageSize: number;
}

const NOBODY = "cus_00000000000000000000000000";

const byConnect = async (transport: Transport, { orderId, pageSize }: Asked): Promise<Outcome> => {
  const customers = createClient(CustomerService, transport);
  const listed = await customers.listCustomers({ pageSize });
  const states: number[] = [];
  for await (const { order } of createClient(OrderService, transport).watchOrder({ orderId })) {
    states.push(order?.state ?? 0);
    break;
  }
  const refusal = await customers.getCustomer({ customerId: NOBODY }).then(
    () => "none",
    (error: { rawMessage: string }) => error.rawMessage,
  );
  return { listed: listed.customers.map(({ email }) => email), states, refusal };
};

/** Google's own client: the one that the format of gRPC-Web was made for. */
const byGrpcWeb = async (format: "text" | "binary", { gateway, orderId, pageSize }: Asked): Promise<Outcome> => {
  const client = new GrpcWebClientBase({ format });
  const descriptorOf = <M extends DescMethod>(method: M, type: string) =>
    new MethodDescriptor(
      `/${method.parent.typeName}/${method.name}`,
      type,
      Object,
      Object,
      (request: MessageShape<M["input"]>) => toBinary(method.input as M["input"], request),
      (bytes: Uint8Array) => fromBinary(method.output as M["output"], bytes),
    );
  const unary = <M extends DescMethod>(method: M, request: MessageShape<M["input"]>) =>
    new Promise<MessageShape<M["output"]>>((resolve, reject) => {
      const url = `${gateway}/${method.parent.typeName}/${method.name}`;
      client.rpcCall(url, request, {}, descriptorOf(method, MethodType.UNARY), (error: RpcError | null, reply) =>
        error === null ? resolve(reply as MessageShape<M["output"]>) : reject(error),
      );
    });
  const { listCustomers, getCustomer } = CustomerService.method;
  const listed = await unary(listCustomers, create(ListCustomersRequestSchema, { pageSize }));
  const { watchOrder } = OrderService.method;
  const state = await new Promise<number>((resolve, reject) => {
    const url = `${gateway}/${watchOrder.parent.typeName}/${watchOrder.name}`;
    const request = create(WatchOrderRequestSchema, { orderId });
    const stream = client.serverStreaming(url, request, {}, descriptorOf(watchOrder, MethodType.SERVER_STREAMING));
    stream.on("data", (reply) => {
      resolve((reply as MessageShape<typeof watchOrder.output>).order?.state ?? 0);
      stream.cancel();
    });
    stream.on("error", reject);
  });
  const refusal = await unary(getCustomer, create(GetCustomerRequestSchema, { customerId: NOBODY })).then(
    () => "none",
    (error: RpcError) => error.message,
  );
  return { listed: listed.customers.map(({ email }) => email), states: [state], refusal };
};

const run = async (asked: Asked): Promise<Record<string, Outcome>> => {
  const baseUrl = asked.gateway;
  return {
    "connect-web, Connect with JSON": await byConnect(createConnectTransport({ baseUrl }), asked),
    "connect-web, Connect with protobuf and GET": await byConnect(
      createConnectTransport({ baseUrl, useBinaryFormat: true, useHttpGet: true }),
      asked,
    ),
    "connect-web, gRPC-Web": await byConnect(createGrpcWebTransport({ baseUrl }), asked),
    "grpc-web, binary": await byGrpcWeb("binary", asked),
    "grpc-web, text": await byGrpcWeb("text", asked),
  };
};

(globalThis as unknown as { run: typeof run }).run = run;
