import { type ClientContestant, type ClientResult, OTHER_CORE, startClient, startPeer } from "../contestant.ts";
import { CANNED_CUSTOMER_ID } from "../customer-mesh.ts";
import { inRounds } from "../rounds.ts";
import { rowOf, TASKSET, type Workload } from "../row.ts";

/** Clients by the names of their files, ours first. */
const CLIENTS = {
  heddle: "heddle",
  "grpc-js": "grpc-js",
  "connect-node": "connect-node",
  "node:http2": "bare",
} as const;

/** GetCustomer, 64 calls in flight, by each client against one server that only repeats a reply. */
export const client: Workload = {
  name: "client",
  tools: [TASKSET],
  async run({ runs, seconds, progress }) {
    const server = await startPeer("canned", [], { core: OTHER_CORE });
    const clients: ClientContestant[] = [];
    try {
      const contestants: Record<string, () => Promise<ClientFigures>> = {};
      for (const [name, file] of Object.entries(CLIENTS)) {
        const started = await startClient(file, [server.address, CANNED_CUSTOMER_ID]);
        clients.push(started);
        const calls = await calibrateClient(started, seconds);
        contestants[name] = async () => figures(await started.run(calls), calls);
      }
      const results = await inRounds(contestants as Record<keyof typeof CLIENTS, () => Promise<ClientFigures>>, {
        runs,
        progress,
      });
      const row = (name: string, figure: keyof ClientFigures, unit: string) =>
        rowOf(name, { figure, unit, ours: "heddle" }, results);
      return [
        row("client", "callsPerCore", "calls/s per core"),
        row("client-cpu", "cpuMicrosPerCall", "us CPU/call"),
        row("client-p50", "p50", "us"),
        row("client-p99", "p99", "us"),
      ];
    } finally {
      for (const started of clients) await started.stop();
      await server.stop();
    }
  },
};

/** What counts is the client's own CPU time: a client that is fast enough waits for the server. */
type ClientFigures = {
  readonly callsPerCore: number;
  readonly callsPerSecond: number;
  readonly cpuMicrosPerCall: number;
  readonly p50: number;
  readonly p99: number;
};

const figures = ({ seconds, cpuMicros, p50, p99 }: ClientResult, calls: number): ClientFigures => ({
  callsPerCore: (calls / cpuMicros) * 1e6,
  callsPerSecond: calls / seconds,
  cpuMicrosPerCall: cpuMicros / calls,
  p50,
  p99,
});

const PROBE_CALLS = 2_000;

/** Warms a client up; returns the number of calls that it makes in about `seconds`. */
export const calibrateClient = async (started: ClientContestant, seconds: number): Promise<number> => {
  let calls = PROBE_CALLS;
  for (let round = 0; round < 3; round++) {
    const result = await started.run(calls);
    calls = Math.max(PROBE_CALLS, Math.ceil((calls / result.seconds) * seconds));
  }
  return calls;
};
