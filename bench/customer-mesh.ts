import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService, GetCustomerRequestSchema, GetCustomerResponseSchema } from "@heddle/contracts/customer/v1";
import { type Contestant, freePort, type SpawnOptions, startService } from "./contestant.ts";

export const GET_CUSTOMER_PATH = "/customer.v1.CustomerService/GetCustomer";

/** A customer that exists nowhere, for servers that do not look. */
export const CANNED_CUSTOMER_ID = `cus_${"0".repeat(26)}`;

/** A gateway and a customer service with one customer in it, and a request for that customer. */
export interface CustomerMesh {
  readonly gateway: Contestant;
  readonly customer: Contestant;
  readonly customerId: string;
  /** A gRPC request for the customer: envelope and message. */
  readonly bodyFile: string;
  /** The gRPC reply to it: envelope and message. */
  readonly reply: Uint8Array;
  /** The database of the service. */
  readonly database: string;
  /** A folder that goes with `stop`. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Starts both, each as a process; `options` are for one of them alone. */
export const startCustomerMesh = async (
  options: { readonly gateway?: SpawnOptions; readonly customer?: SpawnOptions } = {},
): Promise<CustomerMesh> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const running: Contestant[] = [];
  const stop = async () => {
    for (const contestant of running.toReversed()) await contestant.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const env = { HEDDLE_DATA: folder, HEDDLE_PORT: String(await freePort()), HEDDLE_LOG_LEVEL: "info" };
    const gateway = await startService("gateway", withEnv(options.gateway, env));
    running.push(gateway);
    const customer = await startService("customer", withEnv(options.customer, env));
    running.push(customer);
    const customerId = await createOne(gateway.address);
    const bodyFile = join(folder, "request.bin");
    writeFileSync(bodyFile, requestFor(customerId));
    const reply = await replyOf(customer.address, customerId);
    const database = join(folder, "customer", "customer.db");
    return { gateway, customer, customerId, bodyFile, reply, database, folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const withEnv = (options: SpawnOptions = {}, env: NodeJS.ProcessEnv): SpawnOptions => ({
  ...options,
  env: { ...options.env, ...env },
});

/** A gRPC request, as it travels. */
export const requestFor = (customerId: string): Uint8Array =>
  encodeEnvelope(0, toBinary(GetCustomerRequestSchema, create(GetCustomerRequestSchema, { customerId })));

/** Throws unless one real call is answered with the customer; returns the bytes of such an answer. */
export const checkAnswer = async (address: string, customerId: string): Promise<number> => {
  const response = await clientOf(address).getCustomer({ customerId });
  if (response.customer?.email !== ADA.email) throw new Error(`${address} does not answer with the customer`);
  return encodeEnvelope(0, toBinary(GetCustomerResponseSchema, response)).length;
};

/** The customer of every workload. */
export const ADA = { givenName: "Ada", familyName: "Lovelace", email: "ada@example.com", phone: "+442071234567" };

const clientOf = (address: string) =>
  createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));

const replyOf = async (address: string, customerId: string): Promise<Uint8Array> =>
  encodeEnvelope(0, toBinary(GetCustomerResponseSchema, await clientOf(address).getCustomer({ customerId })));

const createOne = async (address: string): Promise<string> =>
  (await clientOf(address).createCustomer(ADA)).customer?.id ?? "";
