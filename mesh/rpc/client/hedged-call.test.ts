import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { createLog } from "../../observe/index.ts";
import { systemRuntime } from "../../runtime/index.ts";
import { memoryTransport } from "../client.ts";
import type { Handler } from "../implementation.ts";
import { createRpcServer } from "../server.ts";
import { withPolicies } from "./with-policies.ts";

const runtime = systemRuntime();
const log = createLog({ service: "slow", level: "silent", ...runtime, destination: { write: () => undefined } });

/** A client of a server whose GetCustomer is answered by this. */
const clientOf = (getCustomer: Handler<typeof CustomerService.method.getCustomer>) => {
  const refuse = (() => Promise.reject(new ConnectError("is not called", Code.Unimplemented))) as Handler<DescMethod>;
  const handlers = Object.fromEntries(CustomerService.methods.map(({ localName }) => [localName, refuse]));
  const server = createRpcServer({
    implementations: [
      {
        service: CustomerService,
        handlers: { ...handlers, getCustomer: getCustomer as unknown as Handler<DescMethod> },
      },
    ],
    runtime,
    log,
  });
  return createClient(CustomerService, withPolicies(memoryTransport(server, runtime), runtime));
};

const REQUEST = { customerId: `cus_${"0".repeat(26)}` };

test("over our own transport the copy's answer counts, and the server hears that the slow attempt was given up", async () => {
  const ended = Promise.withResolvers<void>();
  const before: (string | null)[] = [];
  const customers = clientOf(async (_, { requestHeader, signal }) => {
    before.push(requestHeader.get("grpc-previous-rpc-attempts"));
    if (before.length === 2) return { customer: { id: "cus_2" } };
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ended.resolve();
    return {};
  });
  const { customer } = await customers.getCustomer(REQUEST);
  await ended.promise;
  expect([customer?.id, before]).toEqual(["cus_2", [null, "1"]]);
});

test("the slow attempt may be first after all: then its copy is given up", async () => {
  const copied = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let calls = 0;
  const customers = clientOf(async (_, { signal }) => {
    calls += 1;
    if (calls === 1) {
      await copied.promise;
      return { customer: { id: "cus_1" } };
    }
    copied.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ended.resolve();
    return {};
  });
  expect((await customers.getCustomer(REQUEST)).customer?.id).toBe("cus_1");
  await ended.promise;
});
