import { createSecureServer, type SecureServerOptions } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { CLIENT_CERTIFICATE, SERVER_CERTIFICATE } from "../fixtures/certificates.ts";
import { EchoService } from "../fixtures/echo-contract.ts";
import { echo, failureOf } from "./fixtures/echo-client.ts";

describe("over TLS", () => {
  const startSecure = async (options: Partial<SecureServerOptions> = {}) => {
    const routes = (router: ConnectRouter) =>
      void router.service(EchoService, {
        say: (_, { requestHeader }) => ({ text: requestHeader.get("x-text") ?? "" }),
      });
    const server = createSecureServer({ ...SERVER_CERTIFICATE, ...options }, connectNodeAdapter({ routes }));
    const sockets = new Set<Duplex>();
    server.on("connection", (socket: Duplex) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  };
  const ca = SERVER_CERTIFICATE.cert;

  test("calls go through when the certificate is trusted, whether its name or its address is asked for", async () => {
    const port = await startSecure();
    for (const host of ["127.0.0.1", "localhost"]) {
      const client = echo(`https://${host}:${port}`, { tls: { ca } });
      expect((await client.say({}, { headers: { "x-text": "safe" } })).text).toBe("safe");
    }
  });

  test("a certificate that is not trusted, or bears another name, is UNAVAILABLE and says so", async () => {
    const port = await startSecure();
    expect(await failureOf(echo(`https://127.0.0.1:${port}`).say({}))).toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining("certificate"),
    });
    const elsewhere = echo(`https://127.0.0.1:${port}`, { tls: { ca, servername: "elsewhere.test" } });
    expect(await failureOf(elsewhere.say({}))).toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining("elsewhere.test"),
    });
  });

  test("a client shows its certificate where it is asked for", async () => {
    const port = await startSecure({ requestCert: true, rejectUnauthorized: true, ca: CLIENT_CERTIFICATE.cert });
    const client = echo(`https://localhost:${port}`, { tls: { ca, ...CLIENT_CERTIFICATE } });
    expect((await client.say({}, { headers: { "x-text": "known" } })).text).toBe("known");
    expect((await failureOf(echo(`https://localhost:${port}`, { tls: { ca } }).say({}))).code).toBe(Code.Unavailable);
  });

  test("a server that does not speak HTTP/2 is told from one that is away", async () => {
    const server = createTlsServer({ ...SERVER_CERTIFICATE }, (socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await failureOf(echo(`https://localhost:${port}`, { tls: { ca } }).say({}))).toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining("gRPC needs h2"),
    });
  });
});
