// Our client, as consumers make it; with HEDDLE_WIRE=node the reference. Arguments: the server's address, a customer's id.
import { createClient, type Transport } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { serveCalls } from "./serve-calls.ts";

const [address = "", customerId = ""] = process.argv.slice(2);

const openTransport = async (baseUrl: string): Promise<Transport> => {
  if (process.env.HEDDLE_WIRE === "node") {
    const [{ grpcTransport }, { systemRuntime }] = await Promise.all([
      import("@heddle/mesh/rpc"),
      import("@heddle/mesh/runtime"),
    ]);
    return grpcTransport(baseUrl, systemRuntime());
  }
  const { createHeddleTransport } = await import("../../mesh/rpc/client/heddle-transport.ts");
  return createHeddleTransport({ baseUrl });
};

const client = createClient(CustomerService, await openTransport(`http://${address}`));
serveCalls(() => client.getCustomer({ customerId }));
