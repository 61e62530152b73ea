import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { CustomerService } from "@heddle/contracts/customer/v1";

/** Callers that never stop until they are told to. */
export interface SteadyLoad {
  /** Stops, and resolves to how every call ended. */
  stop(): Promise<{ readonly calls: number; readonly failures: readonly string[] }>;
}

/** Loads so far: each needs e-mail addresses of its own. */
let loads = 0;

/** `callers` at once, each with one call after the other: reads, and every tenth a write. Each has a connection of its own. */
export const steadyLoad = (url: string, callers: number): SteadyLoad => {
  const failures: string[] = [];
  const load = ++loads;
  let calls = 0;
  let isOver = false;
  const call = async (caller: number): Promise<void> => {
    const client = createClient(CustomerService, createGrpcTransport({ baseUrl: url }));
    for (let turn = 0; !isOver; turn++) {
      const about = `caller ${caller} turn ${turn}`;
      const one =
        turn % 10 === 0
          ? client.createCustomer({
              givenName: "Ada",
              familyName: "Lovelace",
              email: `ada-${load}-${caller}-${turn}@example.com`,
            })
          : client.listCustomers({ pageSize: 1 });
      await one.catch((error: unknown) => failures.push(`${about}: ${error}`));
      calls++;
    }
  };
  const all = Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)));
  return {
    async stop() {
      isOver = true;
      await all;
      return { calls, failures };
    },
  };
};
