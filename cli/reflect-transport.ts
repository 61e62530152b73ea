import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { withToken } from "./with-token.ts";

/** The protocols that `heddle call` speaks. */
export const PROTOCOLS = ["grpc", "grpc-web", "connect"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A transport to the gateway, with the caller's access token. All run over HTTP/2, on which every kind of call is possible. */
export const transportOf = (baseUrl: string, protocol: Protocol = "grpc"): Transport =>
  withToken(openTransport(baseUrl, protocol), baseUrl);

const openTransport = (baseUrl: string, protocol: Protocol): Transport => {
  switch (protocol) {
    case "grpc":
      return createGrpcTransport({ baseUrl });
    case "grpc-web":
      return createGrpcWebTransport({ baseUrl, httpVersion: "2" });
    case "connect":
      return createConnectTransport({ baseUrl, httpVersion: "2" });
  }
};
