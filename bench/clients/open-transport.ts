import type { Transport } from "@connectrpc/connect";

/** Our client's transport, as consumers make it; with HEDDLE_WIRE=node the reference. */
export const openTransport = async (address: string): Promise<Transport> => {
  const baseUrl = `http://${address}`;
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
