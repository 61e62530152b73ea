import type { Transport } from "@connectrpc/connect";
import { grpcTransport, withPolicies } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";

/** As services have it, or as programs do that know nothing of budgets. */
export type Retrying = "policies" | "three-tries";

/** What every hop asks the next for. */
export const HOP_REQUEST = { customerId: `cus_${"0".repeat(26)}` };

const TRIES = 3;

/** A transport to the next hop. */
export const transportTo = (address: string, retrying: Retrying): Transport => {
  const runtime = systemRuntime();
  const transport = grpcTransport(`http://${address}`, runtime);
  return retrying === "policies" ? withPolicies(transport, runtime) : threeTries(transport);
};

const threeTries = (transport: Transport): Transport => ({
  stream: transport.stream,
  async unary(...call) {
    for (let tries = 1; ; tries++) {
      try {
        return await transport.unary(...call);
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  },
});
