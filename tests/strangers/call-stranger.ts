import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import type { Stranger } from "./stranger.ts";

/** One way to call a stranger's `Greet`; resolves to the text of the reply, and rejects when there is none. */
export interface Way {
  readonly name: string;
  call(stranger: Stranger): Promise<string>;
}

/** Every protocol of the gateway. */
export const waysTo = (gatewayUrl: string): readonly Way[] => {
  const typed = (name: string, transport: Transport): Way => ({
    name,
    async call({ service }) {
      const client = createClient(service, transport) as unknown as GreetClient;
      return (await client.greet({ name: "you" })).text;
    },
  });
  const fetched = (name: string, textOf: (stranger: Stranger) => Promise<string>): Way => ({ name, call: textOf });
  return [
    typed("gRPC", createGrpcTransport({ baseUrl: gatewayUrl })),
    typed("gRPC-Web", createGrpcWebTransport({ baseUrl: gatewayUrl, httpVersion: "1.1" })),
    typed("Connect", createConnectTransport({ baseUrl: gatewayUrl, httpVersion: "2", useBinaryFormat: true })),
    typed("Connect JSON", createConnectTransport({ baseUrl: gatewayUrl, httpVersion: "1.1", useBinaryFormat: false })),
    typed("Connect GET", createConnectTransport({ baseUrl: gatewayUrl, httpVersion: "1.1", useHttpGet: true })),
    fetched("REST", async ({ packageName }) => {
      const number = packageName.replaceAll(/\D/g, "").slice(0, -1);
      const reply = await textAt(`${gatewayUrl}/v1/strangers/${number}/you`);
      return (JSON.parse(reply) as { text: string }).text;
    }),
    fetched("documentation", async ({ packageName }) => {
      const document = await textAt(`${gatewayUrl}/openapi/${packageName}.json`);
      return document.includes("StrangerService") ? "hello you" : document;
    }),
  ];
};

const textAt = async (url: string): Promise<string> => {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return text;
};

/** What is called; its types are made of descriptors at run time. */
interface GreetClient {
  greet(request: { name: string }): Promise<{ text: string }>;
}
