import { CustomerService } from "@heddle/contracts/customer/v1";
import { register } from "@heddle/mesh/discovery";
import { createLog } from "@heddle/mesh/observe";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";

/** Offers the customer service at an address to a gateway, which from then on sends its calls there. */
export const enterRegistry = async (gateway: string, address: string): Promise<void> => {
  const runtime = systemRuntime();
  const log = createLog({ service: "canned", level: "warn", clock: runtime.clock });
  const definition = { name: "customer", version: "0.0.0" };
  const instance = { instanceId: runtime.ids.next("ins"), address, definition, services: [CustomerService] };
  await register({ instance, transport: grpcTransport(`http://${gateway}`, runtime), runtime, log }).registered;
};
