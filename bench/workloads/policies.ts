import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { type Contestant, startPeer } from "../contestant.ts";
import { type CustomerMesh, checkAnswer, GET_CUSTOMER_PATH, startCustomerMesh } from "../customer-mesh.ts";
import { calibrate, type LoadResult, runLoad } from "../load.ts";
import { rounded } from "../rounds.ts";
import { H2LOAD, type RunOptions, rowOf, TASKSET, type Workload } from "../row.ts";

const SERVERS = { "policies on": "on", "policies off": "off" } as const;
type Name = keyof typeof SERVERS;
const NAMES = Object.keys(SERVERS) as Name[];

/** One short measurement of each, one right after the other. */
type Pair = Readonly<Record<Name, LoadResult>>;

/**
 * Pairs of one run: a machine that others use as well is by more than what is measured slower or faster from one second to the next, and
 * hardly ever between two measurements that are a third of a second long.
 */
const PAIRS = 8;

/**
 * GetCustomer on our own server with everything that it does around a handler, and with nothing of it. Each run has processes of its
 * own: how fast the same program is differs by several percent from one process to the next. The pair whose ratio is the median counts.
 */
export const policies: Workload = {
  name: "policies",
  tools: [H2LOAD, TASKSET],
  async run({ runs, seconds, progress }) {
    const mesh = await startCustomerMesh();
    try {
      const pairs: Pair[] = [];
      for (let run = 0; run < runs; run++) {
        progress(`processes ${run + 1}/${runs}`);
        pairs.push(...(await measurePairs(mesh, { seconds, progress })));
      }
      const row = (name: string, figure: "requestsPerSecond" | "cpuMicrosPerRequest", unit: string) =>
        rowOf(name, { figure, unit, ours: "policies on" }, medianPair(pairs, figure));
      return [
        row("policies", "requestsPerSecond", "requests/s"),
        row("policies-cpu", "cpuMicrosPerRequest", "us CPU/request"),
      ];
    } finally {
      await mesh.stop();
    }
  },
};

/** Of two new processes. */
const measurePairs = async (
  mesh: CustomerMesh,
  { seconds, progress }: Pick<RunOptions, "seconds" | "progress">,
): Promise<Pair[]> => {
  const servers: Contestant[] = [];
  try {
    const measures: Partial<Record<Name, () => LoadResult>> = {};
    for (const name of NAMES) {
      const server = await startPeer("heddle", [SERVERS[name], mesh.database]);
      servers.push(server);
      await checkAnswer(server.address, mesh.customerId);
      if ((await refusesMalformed(server.address)) !== (name === "policies on"))
        throw new Error(`a server with ${name} behaves as if it were otherwise`);
      const load = {
        url: `http://${server.address}${GET_CUSTOMER_PATH}`,
        bodyFile: mesh.bodyFile,
        replyBytes: mesh.reply.length,
        pids: [server.pid],
      };
      const requests = Math.ceil(calibrate(load, seconds) / PAIRS);
      measures[name] = () => runLoad(load, requests);
    }
    const pairs: Pair[] = [];
    for (let number = 0; number < PAIRS; number++) {
      // None of them is always the first.
      const names = number % 2 === 0 ? NAMES : NAMES.toReversed();
      const pair = Object.fromEntries(names.map((name) => [name, measures[name]?.()])) as Pair;
      const [on, off] = NAMES.map((name) => rounded(pair[name].requestsPerSecond));
      progress(`on ${on}/s, off ${off}/s`);
      pairs.push(pair);
    }
    return pairs;
  } finally {
    for (const server of servers) await server.stop();
  }
};

const medianPair = (pairs: readonly Pair[], figure: "requestsPerSecond" | "cpuMicrosPerRequest"): Pair => {
  const ratio = (pair: Pair) => pair["policies on"][figure] / pair["policies off"][figure];
  const sorted = pairs.toSorted((a, b) => ratio(a) - ratio(b));
  return sorted[Math.floor(sorted.length / 2)] as Pair;
};

/** Validation is the policy that shows from outside: an id that is none is refused by it, and not found without it. */
const refusesMalformed = async (address: string): Promise<boolean> => {
  const client = createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const error = await client.getCustomer({ customerId: "x" }).catch((thrown: unknown) => ConnectError.from(thrown));
  return error instanceof ConnectError && error.code === Code.InvalidArgument;
};
