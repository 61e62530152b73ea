import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { credentials, Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { ErrorInfoSchema, StatusSchema } from "@heddle/contracts/google/rpc";
import { RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { type Order, OrderService, OrderState } from "@heddle/contracts/order/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createGrpcJsClient,
  errorDetails,
  type GrpcJsClient,
  type GrpcJsHandlers,
  serviceDefinition,
} from "./index.ts";

const ORDER_ID = `ord_${"0".repeat(26)}`;
const server = new Server();
let orders: GrpcJsClient<typeof OrderService>;
let registry: GrpcJsClient<typeof RegistryService>;

beforeAll(async () => {
  const handlers: Partial<GrpcJsHandlers<typeof OrderService>> = {
    getOrder: (call, callback) => {
      if (call.request.orderId === "") callback(notFound(), null);
      else callback(null, { order: { id: call.request.orderId, state: OrderState.PENDING } });
    },
    watchOrder: (call) => {
      for (const sequence of [1n, 2n, 3n]) call.write({ transition: { sequence, orderId: call.request.orderId } });
      call.end();
    },
  };
  server.addService(serviceDefinition(OrderService), handlers);
  server.addService(serviceDefinition(RegistryService), {
    register: ((call) => {
      call.on("data", (request) => {
        if (request.body.case !== "instance") return;
        call.write({ body: { case: "registered", value: { leaseId: request.body.value.instanceId } } });
      });
      call.on("end", () => call.end());
    }) satisfies GrpcJsHandlers<typeof RegistryService>["register"],
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  orders = createGrpcJsClient(OrderService, `127.0.0.1:${port}`, credentials.createInsecure());
  registry = createGrpcJsClient(RegistryService, `127.0.0.1:${port}`, credentials.createInsecure());
});

afterAll(() => {
  orders.close();
  registry.close();
  server.forceShutdown();
});

test("a unary call without a callback is a promise of the typed reply", async () => {
  const reply = await orders.getOrder({ orderId: ORDER_ID });
  const order: Order | undefined = reply.order;
  expect(order).toMatchObject({ $typeName: "order.v1.Order", id: ORDER_ID, state: OrderState.PENDING });
});

test("a unary call with a callback calls it with the typed reply", async () => {
  const id = await new Promise((resolve, reject) =>
    orders.getOrder({ orderId: ORDER_ID }, (error, reply) => (error ? reject(error) : resolve(reply?.order?.id))),
  );
  expect(id).toBe(ORDER_ID);
});

test("a server stream is an async iterable of typed messages", async () => {
  const sequences: (bigint | undefined)[] = [];
  for await (const message of orders.watchOrder({ orderId: ORDER_ID })) sequences.push(message.transition?.sequence);
  expect(sequences).toEqual([1n, 2n, 3n]);
});

test("a stream both ways takes and gives typed messages", async () => {
  const call = registry.register();
  call.write({ body: { case: "instance", value: { instanceId: "one" } } });
  call.end();
  const leases: string[] = [];
  for await (const message of call) {
    if (message.body.case === "registered") leases.push(message.body.value.leaseId);
  }
  expect(leases).toEqual(["one"]);
});

test("the details of a failed call are read by their type", async () => {
  const error: unknown = await orders.getOrder({ orderId: "" }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: status.NOT_FOUND });
  expect(errorDetails(error, ErrorInfoSchema)).toMatchObject([{ reason: "ORDER_NOT_FOUND", domain: "order.v1" }]);
  expect(errorDetails(new Error("not from a call"), ErrorInfoSchema)).toEqual([]);
});

test("a deadline in the options of a call ends it", async () => {
  const error: unknown = await orders
    .getOrder({ orderId: ORDER_ID }, { deadline: 0 })
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

function notFound() {
  const metadata = new Metadata();
  const info = create(ErrorInfoSchema, { reason: "ORDER_NOT_FOUND", domain: "order.v1" });
  const details = create(StatusSchema, { code: status.NOT_FOUND, details: [anyPack(ErrorInfoSchema, info)] });
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, details)));
  return { code: status.NOT_FOUND, details: "no such order", metadata };
}
