import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { type Contestant, startPeer } from "../contestant.ts";
import { checkAnswer, GET_CUSTOMER_PATH, startCustomerMesh } from "../customer-mesh.ts";
import { calibrate, type LoadResult, runLoad } from "../load.ts";
import { inRounds } from "../rounds.ts";
import { H2LOAD, rowOf, TASKSET, type Workload } from "../row.ts";

const SERVERS = { "policies on": "on", "policies off": "off" } as const;

/**
 * Parts of a run that take turns: what is measured is less than what a machine that others use as well gains and loses from one second
 * to the next.
 */
const SLICES = 8;

/** GetCustomer on our own server with everything that it does around a handler, and with nothing of it. */
export const policies: Workload = {
  name: "policies",
  tools: [H2LOAD, TASKSET],
  async run({ runs, seconds, progress }) {
    const mesh = await startCustomerMesh();
    const servers: Contestant[] = [];
    try {
      const contestants: Record<string, () => LoadResult> = {};
      for (const [name, argument] of Object.entries(SERVERS)) {
        const server = await startPeer("heddle", [argument, mesh.database]);
        servers.push(server);
        await checkAnswer(server.address, mesh.customerId);
        if ((await refusesMalformed(server.address)) !== (argument === "on")) {
          progress(`not measured: a server with ${name} behaves as if it were otherwise`);
          return [];
        }
        const load = {
          url: `http://${server.address}${GET_CUSTOMER_PATH}`,
          bodyFile: mesh.bodyFile,
          replyBytes: mesh.reply.length,
          pids: [server.pid],
        };
        const requests = Math.ceil(calibrate(load, seconds) / SLICES);
        contestants[name] = () => runLoad(load, requests);
      }
      const results = await inRounds(contestants as Record<keyof typeof SERVERS, () => LoadResult>, {
        runs: runs * SLICES,
        progress,
      });
      const ours = "policies on";
      return [
        rowOf("policies", { figure: "requestsPerSecond", unit: "requests/s", ours }, results),
        rowOf("policies-cpu", { figure: "cpuMicrosPerRequest", unit: "us CPU/request", ours }, results),
      ];
    } finally {
      for (const server of servers) await server.stop();
      await mesh.stop();
    }
  },
};

/** Validation is the policy that shows from outside: an id that is none is refused by it, and not found without it. */
const refusesMalformed = async (address: string): Promise<boolean> => {
  const client = createClient(CustomerService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const error = await client.getCustomer({ customerId: "x" }).catch((thrown: unknown) => ConnectError.from(thrown));
  return error instanceof ConnectError && error.code === Code.InvalidArgument;
};
