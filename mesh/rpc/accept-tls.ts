import type { Duplex } from "node:stream";
import { createServer } from "node:tls";
import type { HttpAcceptors } from "./accept-http.ts";

/** How a server shows who it is, and whom it lets in. All texts are PEM. */
export interface TlsOptions {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
  /** Authorities whose certificates are taken from clients; by default those that Node brings along. */
  readonly ca?: string | Buffer | undefined;
  /** Lets in only clients that show a certificate by one of these authorities. */
  readonly requestCert?: boolean | undefined;
}

/**
 * Returns what takes in a connection by TLS, and hands it on by what both sides agreed to speak (ALPN): HTTP/2, or HTTP/1.1 where
 * the client did not say. A handshake that fails, or is not done within `timeoutMs` milliseconds, closes that connection and
 * nothing else.
 *
 * @throws Error at once when key or certificate cannot be read or do not fit.
 */
export const tlsAcceptor = (
  { key, cert, ca, requestCert = false }: TlsOptions,
  { http1, http2 }: HttpAcceptors,
  { timeoutMs }: { timeoutMs: number },
): ((connection: Duplex) => void) => {
  // It never listens: it is given its connections one by one.
  const server = createServer({
    key,
    cert,
    ...(ca === undefined ? {} : { ca }),
    requestCert,
    rejectUnauthorized: requestCert,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    honorCipherOrder: true,
    // Node alone can tell when a handshake is done, before a client's certificate was checked: a wait that is not ours.
    handshakeTimeout: timeoutMs,
  });
  server.on("secureConnection", (secured) => {
    // HTTP/2 forbids it, and no one else needs it (RFC 9113, 9.2.1).
    secured.disableRenegotiation();
    (secured.alpnProtocol === "h2" ? http2 : http1)(secured);
  });
  server.on("tlsClientError", (_error, secured) => secured.destroy());
  return (connection) => {
    // The handshake tells of it, where it is told at all.
    connection.on("error", () => undefined);
    server.emit("connection", connection);
  };
};

/** What both versions need: forward secrecy and authenticated encryption, the rest is refused (RFC 9113, 9.2.2). */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");
