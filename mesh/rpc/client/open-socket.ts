import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, type SecureContextOptions } from "node:tls";
import type { Address, Network } from "../../runtime/index.ts";

/** How a client proves who it is, and whom it trusts; PEM, as `node:tls` takes it. */
export interface ClientTls extends Pick<SecureContextOptions, "ca" | "cert" | "key" | "minVersion"> {
  /** The name that the server's certificate must bear, where it is not the address's host. */
  readonly servername?: string;
}

/** Opens a connection, which reports its failure by an `error` event. Over TLS it speaks HTTP/2 or fails. */
export const openSocket = (network: Network, address: Address, tls: ClientTls | undefined): Duplex => {
  const socket = network.connect(address);
  if (tls === undefined) return socket;
  const servername = tls.servername ?? (isIP(address.host) === 0 ? address.host : undefined);
  const secured = connect({
    ...tls,
    socket,
    host: tls.servername ?? address.host,
    ALPNProtocols: ["h2"],
    ...(servername === undefined ? {} : { servername }),
  });
  secured.once("secureConnect", () => {
    if (secured.alpnProtocol === "h2") return;
    const spoken = secured.alpnProtocol === false ? "no protocol" : secured.alpnProtocol;
    secured.destroy(new Error(`the peer chose ${spoken} by ALPN; gRPC needs h2`));
  });
  // The handshake waits for a socket that may fail first: its error is the one that tells something.
  socket.once("error", (error) => secured.destroy(error));
  return secured;
};
