import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService, GetCustomerRequestSchema } from "@heddle/contracts/customer/v1";
import { type Contestant, startPeer, startService } from "../contestant.ts";
import { type LoadResult, median, runLoad } from "../load.ts";
import type { Row, Workload } from "../row.ts";

const REQUESTS = { ours: 20_000, grpcJs: 60_000, connectNode: 20_000 };
const PATH = "/customer.v1.CustomerService/GetCustomer";

/** GetCustomer with a SQLite point read behind it: directly, through the gateway, and on the peers' bare servers. */
export const getCustomer: Workload = {
  name: "get-customer",
  tools: ["h2load", "taskset"],
  async run({ runs, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const port = String(20_000 + (process.pid % 20_000));
    const env = { HEDDLE_DATA: folder, HEDDLE_PORT: port, HEDDLE_LOG_LEVEL: "info" };
    const running: Contestant[] = [];
    try {
      const gateway = await startService("gateway", env);
      running.push(gateway);
      const customer = await startService("customer", env);
      running.push(customer);
      const customerId = await createOne(gateway.address);
      const bodyFile = join(folder, "request.bin");
      writeFileSync(
        bodyFile,
        encodeEnvelope(0, toBinary(GetCustomerRequestSchema, create(GetCustomerRequestSchema, { customerId }))),
      );
      const database = join(folder, "customer", "customer.db");
      const grpcJs = await startPeer("grpc-js", [database]);
      running.push(grpcJs);
      const connectNode = await startPeer("connect-node", [database]);
      running.push(connectNode);
      for (const { address } of [customer, gateway, grpcJs, connectNode]) await checkAnswer(address, customerId);

      const measure = (label: string, address: string, pids: number[], requests: number) => {
        const load = { url: `http://${address}${PATH}`, bodyFile, requests, pids };
        // The first one warms up the compiler and is not counted.
        runLoad({ ...load, requests: Math.ceil(requests / 4) });
        const results = Array.from({ length: runs }, () => runLoad(load));
        const result = {
          requestsPerSecond: median(results.map(({ requestsPerSecond }) => requestsPerSecond)),
          cpuMicrosPerRequest: median(results.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest)),
        };
        progress(
          `${label}: ${Math.round(result.requestsPerSecond)} requests/s, ${result.cpuMicrosPerRequest.toFixed(1)} us CPU each`,
        );
        return result;
      };
      const peers = {
        "grpc-js": measure("grpc-js", grpcJs.address, [grpcJs.pid], REQUESTS.grpcJs),
        "connect-node": measure("connect-node", connectNode.address, [connectNode.pid], REQUESTS.connectNode),
      };
      const direct = measure("heddle, direct", customer.address, [customer.pid], REQUESTS.ours);
      const relayed = measure("heddle, gateway", gateway.address, [gateway.pid, customer.pid], REQUESTS.ours);
      return [...rows("get-customer", direct, peers), ...rows("get-customer-gateway", relayed, peers)];
    } finally {
      for (const contestant of running.toReversed()) await contestant.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const rows = (name: string, ours: LoadResult, peers: Record<string, LoadResult>): Row[] => [
  {
    name,
    ours: Math.round(ours.requestsPerSecond),
    unit: "requests/s",
    peers: mapValues(peers, ({ requestsPerSecond }) => Math.round(requestsPerSecond)),
  },
  {
    name: `${name}-cpu`,
    ours: round(ours.cpuMicrosPerRequest),
    unit: "us CPU/request",
    peers: mapValues(peers, ({ cpuMicrosPerRequest }) => round(cpuMicrosPerRequest)),
  },
];

const round = (value: number): number => Math.round(value * 10) / 10;

const mapValues = <T>(from: Record<string, T>, map: (value: T) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, map(value)]));

const clientOf = (address: string) =>
  createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));

const createOne = async (address: string): Promise<string> => {
  const person = { givenName: "Ada", familyName: "Lovelace", email: "ada@example.com", phone: "+442071234567" };
  return (await clientOf(address).createCustomer(person)).customer?.id ?? "";
};

/** h2load counts HTTP's status, not gRPC's: one real call shows that the answers are answers. */
const checkAnswer = async (address: string, customerId: string): Promise<void> => {
  const { customer } = await clientOf(address).getCustomer({ customerId });
  if (customer?.email !== "ada@example.com") throw new Error(`${address} does not answer with the customer`);
};
