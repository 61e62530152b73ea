import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { type TlsOptions, tlsAcceptor } from "./accept-tls.ts";
import { CLIENT_CERTIFICATE, SERVER_CERTIFICATE } from "./fixtures/certificates.ts";

/** A port that takes TLS in and answers each connection with the version that it was handed on as. */
const start = async (options: Partial<TlsOptions> = {}, timeoutMs = 10_000) => {
  const answer = (version: string) => (connection: Duplex) => {
    connection.on("error", () => undefined);
    connection.end(version);
  };
  const accept = tlsAcceptor(
    { ...SERVER_CERTIFICATE, ...options },
    { http1: answer("http1"), http2: answer("http2") },
    { timeoutMs },
  );
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    accept(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

/** What a client is told, or the code of its failure. */
const ask = async (port: number, options: ConnectionOptions = {}): Promise<string> => {
  const socket = connect({ host: "127.0.0.1", port, ca: SERVER_CERTIFICATE.cert, ...options });
  return new Promise((resolve) => {
    let told = "";
    let failure = "closed";
    socket.on("data", (chunk) => {
      told += chunk;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message;
    });
    socket.on("close", () => resolve(told === "" ? failure : told));
  });
};

test("the protocol that both sides agreed on decides", async () => {
  const port = await start();
  expect(await ask(port, { ALPNProtocols: ["h2"] })).toBe("http2");
  expect(await ask(port, { ALPNProtocols: ["http/1.1", "h2"] })).toBe("http2");
  expect(await ask(port, { ALPNProtocols: ["http/1.1"] })).toBe("http1");
});

test("a client that says nothing of its protocol speaks HTTP/1.1", async () => {
  expect(await ask(await start())).toBe("http1");
});

test("a client that speaks something else is refused in the handshake", async () => {
  expect(await ask(await start(), { ALPNProtocols: ["spdy/3"] })).toContain("NO_APPLICATION_PROTOCOL");
});

test("versions before TLS 1.2 and ciphers without forward secrecy are refused, and TLS 1.2 is not", async () => {
  const port = await start();
  const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" } as const;
  expect(await ask(port, old)).not.toContain("http");
  expect(await ask(port, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" })).not.toContain("http");
  expect(await ask(port, { maxVersion: "TLSv1.2", ALPNProtocols: ["h2"] })).toBe("http2");
});

test("where a client's certificate is asked for, one by the authority lets it in and nothing else does", async () => {
  const port = await start({ requestCert: true, ca: CLIENT_CERTIFICATE.cert });
  expect(await ask(port, { ...CLIENT_CERTIFICATE, ALPNProtocols: ["h2"] })).toBe("http2");
  expect(await ask(port, { ALPNProtocols: ["h2"] })).not.toContain("http");
  expect(await ask(port, { ...SERVER_CERTIFICATE, ALPNProtocols: ["h2"] })).not.toContain("http");
});

test("a client that never finishes the handshake is closed", async () => {
  const port = await start({}, 20);
  const silent = connectTcp(port, "127.0.0.1");
  silent.on("error", () => undefined);
  await once(silent, "close");
});

test("what is no TLS, or breaks off, ends that connection and no other", async () => {
  const port = await start();
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01", ""]) {
    const socket = connectTcp(port, "127.0.0.1");
    socket.on("error", () => undefined);
    if (bytes === "") socket.resetAndDestroy();
    else socket.end(bytes);
    await new Promise((resolve) => socket.once("close", resolve).resume());
  }
  expect(await ask(port, { ALPNProtocols: ["h2"] })).toBe("http2");
});

test("a key that does not fit its certificate is refused at once", () => {
  const acceptors = { http1: () => undefined, http2: () => undefined };
  const mixed = { key: CLIENT_CERTIFICATE.key, cert: SERVER_CERTIFICATE.cert };
  expect(() => tlsAcceptor(mixed, acceptors, { timeoutMs: 1 })).toThrow();
});
