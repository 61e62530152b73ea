import { once } from "node:events";
import { request } from "node:https";
import { connect } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { createHeddleTransport } from "./client/index.ts";
import { CLIENT_CERTIFICATE, SERVER_CERTIFICATE } from "./fixtures/certificates.ts";
import { EchoService } from "./fixtures/echo-contract.ts";
import { echoHandlers } from "./fixtures/echo-server.ts";
import { implementation } from "./implementation.ts";
import { createRpcServer } from "./server.ts";

const serve = async (more: { ca?: string; requestCert?: boolean } = {}) => {
  const runtime = systemRuntime();
  const log = createLog({ service: "echo", level: "silent", clock: runtime.clock, destination: { write: () => true } });
  const server = createRpcServer({
    implementations: [implementation(EchoService, echoHandlers)],
    runtime,
    log,
    tls: { ...SERVER_CERTIFICATE, ...more },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await server.drain(0);
  });
  return { port, server };
};

const ca = SERVER_CERTIFICATE.cert;

test("a server with a certificate speaks HTTP/2 and HTTP/1.1 by TLS, as the client asks for by ALPN", async () => {
  const { port } = await serve();
  const baseUrl = `https://localhost:${port}`;
  const ours = createHeddleTransport({ baseUrl, tls: { ca } });
  onTestFinished(() => ours.destroy());
  const theirs = createGrpcTransport({ baseUrl, nodeOptions: { ca } });
  for (const transport of [ours, theirs]) {
    expect((await createClient(EchoService, transport).say({ text: "secret" })).text).toBe("secret");
  }
  const call = request(`${baseUrl}/echo.v1.EchoService/Say`, {
    ca,
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  call.end('{"text":"one"}');
  const [response] = await once(call, "response");
  expect(response.httpVersion).toBe("1.1");
  const [body] = await once(response, "data");
  expect(JSON.parse(String(body))).toEqual({ text: "one" });
});

test("a server that asks for certificates lets nobody in without one", async () => {
  const { port } = await serve({ ca: CLIENT_CERTIFICATE.cert, requestCert: true });
  const baseUrl = `https://localhost:${port}`;
  const known = createHeddleTransport({ baseUrl, tls: { ca, ...CLIENT_CERTIFICATE } });
  const unknown = createHeddleTransport({ baseUrl, tls: { ca } });
  onTestFinished(() => {
    known.destroy();
    unknown.destroy();
  });
  expect((await createClient(EchoService, known).say({ text: "in" })).text).toBe("in");
  await expect(createClient(EchoService, unknown).say({ text: "out" })).rejects.toThrow();
});

test("plaintext on a TLS port ends that connection and nothing else", async () => {
  const { port } = await serve();
  const baseUrl = `https://localhost:${port}`;
  const plain = createHeddleTransport({ baseUrl: `http://127.0.0.1:${port}` });
  const ours = createHeddleTransport({ baseUrl, tls: { ca } });
  onTestFinished(() => {
    plain.destroy();
    ours.destroy();
  });
  await expect(createClient(EchoService, plain).say({ text: "x" })).rejects.toThrow();
  expect((await createClient(EchoService, ours).say({ text: "ok" })).text).toBe("ok");
});

test("a drain reaches TLS peers too", async () => {
  const { port, server } = await serve();
  const socket = connect({ port, host: "127.0.0.1", ca, servername: "localhost", ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
  socket.resume();
  const ended = once(socket, "end");
  expect(await server.drain(1_000)).toBe(0);
  await ended;
});
