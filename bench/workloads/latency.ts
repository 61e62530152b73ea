import { type Contestant, startPeer } from "../contestant.ts";
import { checkAnswer, GET_CUSTOMER_PATH, startCustomerMesh } from "../customer-mesh.ts";
import { calibrate, runLoad } from "../load.ts";
import { inRounds } from "../rounds.ts";
import { H2LOAD, rowOf, TASKSET, type Workload } from "../row.ts";

/** Peers by the names of their files. */
const PEERS = { "grpc-js": "grpc-js", "connect-node": "connect-node", "node:http2": "bare" } as const;

/** GetCustomer with one call in flight: how long it takes, as h2load sees it. */
export const latency: Workload = {
  name: "latency",
  tools: [H2LOAD, TASKSET],
  async run({ runs, seconds, progress }) {
    const mesh = await startCustomerMesh();
    const peers: Contestant[] = [];
    try {
      const servers: Record<string, Contestant> = { heddle: mesh.customer };
      for (const [name, file] of Object.entries(PEERS)) {
        const started = await startPeer(file, [mesh.database]);
        peers.push(started);
        servers[name] = started;
      }
      const contestants: Record<string, () => LatencyFigures> = {};
      for (const [name, { address, pid }] of Object.entries(servers)) {
        await checkAnswer(address, mesh.customerId);
        const load = {
          url: `http://${address}${GET_CUSTOMER_PATH}`,
          bodyFile: mesh.bodyFile,
          replyBytes: mesh.reply.length,
          pids: [pid],
        };
        const single = { ...load, connections: 1, streams: 1 };
        // Under load first: the compiler is done sooner.
        calibrate(load, seconds);
        const requests = calibrate(single, seconds);
        contestants[name] = () => {
          const { p50, p99 } = runLoad(single, requests);
          return { p50, p99 };
        };
      }
      const results = await inRounds(contestants as Record<"heddle" | keyof typeof PEERS, () => LatencyFigures>, {
        runs,
        progress,
      });
      return (["p50", "p99"] as const).map((figure) =>
        rowOf(`latency-${figure}`, { figure, unit: "us", ours: "heddle" }, results),
      );
    } finally {
      for (const peer of peers) await peer.stop();
      await mesh.stop();
    }
  },
};

type LatencyFigures = { readonly p50: number; readonly p99: number };
