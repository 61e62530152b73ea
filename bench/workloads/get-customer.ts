import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Contestant, freePort, startPeer, startProgram } from "../contestant.ts";
import { type CustomerMesh, checkAnswer, GET_CUSTOMER_PATH, startCustomerMesh } from "../customer-mesh.ts";
import { calibrate, type Load, type LoadResult, runLoad } from "../load.ts";
import { inRounds } from "../rounds.ts";
import { H2LOAD, NGHTTPD, type Row, rowOf, TASKSET, type Workload } from "../row.ts";

/** GetCustomer with a SQLite point read behind it: directly, through the gateway, and on the peers' bare servers. */
export const getCustomer: Workload = {
  name: "get-customer",
  tools: [H2LOAD, NGHTTPD, TASKSET],
  async run({ runs, seconds, progress }) {
    const mesh = await startCustomerMesh();
    const peers: Contestant[] = [];
    const peer = async (name: string) => {
      const started = await startPeer(name, [mesh.database]);
      peers.push(started);
      await checkAnswer(started.address, mesh.customerId);
      return started;
    };
    try {
      for (const { address } of [mesh.customer, mesh.gateway]) await checkAnswer(address, mesh.customerId);
      const limit = await startNghttpd(mesh);
      peers.push(limit);
      const servers = {
        heddle: { address: mesh.customer.address, pids: [mesh.customer.pid] },
        "heddle-gateway": { address: mesh.gateway.address, pids: [mesh.gateway.pid, mesh.customer.pid] },
        "grpc-js": asServer(await peer("grpc-js")),
        "connect-node": asServer(await peer("connect-node")),
        "node:http2": asServer(await peer("bare")),
        nghttpd: asServer(limit),
      };
      const contestants = Object.entries(servers).map(([name, { address, pids }]) => {
        const { bodyFile, reply } = mesh;
        const load: Load = { url: `http://${address}${GET_CUSTOMER_PATH}`, bodyFile, replyBytes: reply.length, pids };
        const requests = calibrate(load, seconds);
        return [name, () => runLoad(load, requests)] as const;
      });
      const results = await inRounds(
        Object.fromEntries(contestants) as Record<keyof typeof servers, () => LoadResult>,
        {
          runs,
          progress,
        },
      );
      const { "heddle-gateway": gateway, ...direct } = results;
      return [...rows("get-customer", direct), ...rows("get-customer-gateway", { ...direct, heddle: gateway })];
    } finally {
      for (const contestant of peers.toReversed()) await contestant.stop();
      await mesh.stop();
    }
  },
};

const asServer = ({ address, pid }: Contestant) => ({ address, pids: [pid] });

const rows = (name: string, results: Record<"heddle", LoadResult> & Record<string, LoadResult>): Row[] => {
  const row = (suffix: string, figure: keyof LoadResult, unit: string) =>
    rowOf(`${name}${suffix}`, { figure, unit, ours: "heddle" }, results);
  return [
    row("", "requestsPerSecond", "requests/s"),
    row("-cpu", "cpuMicrosPerRequest", "us CPU/request"),
    row("-p50", "p50", "us"),
    row("-p99", "p99", "us"),
    row("-memory", "megabytes", "MB"),
  ];
};

/**
 * The limit: HTTP/2 in C, without gRPC's trailers, which nghttpd cannot send, and without a database: a file of the size of the
 * reply.
 */
const startNghttpd = async ({ folder, reply }: CustomerMesh): Promise<Contestant> => {
  const root = join(folder, "static");
  mkdirSync(join(root, "customer.v1.CustomerService"), { recursive: true });
  writeFileSync(join(root, GET_CUSTOMER_PATH), reply);
  const port = await freePort();
  return startProgram(["nghttpd", "--no-tls", "--htdocs", root, String(port)], port);
};
