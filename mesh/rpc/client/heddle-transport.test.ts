import { createSecureServer, type Http2Session, type SecureServerOptions, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { Code, ConnectError, type ConnectRouter, createClient, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../../runtime/index.ts";
import { fakeTime } from "../../testing/fake-time.ts";
import { serveSession } from "../../wire/index.ts";
import { CLIENT_CERTIFICATE, SERVER_CERTIFICATE } from "../fixtures/certificates.ts";
import { type Echo, EchoService } from "../fixtures/echo-contract.ts";
import { startConnectPeer, startRawPeer } from "./fixtures/connect-peer.ts";
import type { HeddleTransport } from "./grpc-transport.ts";
import { createHeddleTransport, type HeddleTransportOptions } from "./heddle-transport.ts";

const runtime = systemRuntime();
const never = new Promise<never>(() => undefined);

const connect = (baseUrl: string, options: Partial<HeddleTransportOptions> = {}): HeddleTransport => {
  const transport = createHeddleTransport({ baseUrl, ...options });
  onTestFinished(() => transport.destroy());
  return transport;
};
const echo = (baseUrl: string, options: Partial<HeddleTransportOptions> = {}) =>
  createClient(EchoService, connect(baseUrl, options));

const failureOf = async (call: Promise<unknown>): Promise<ConnectError> => {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ConnectError) return thrown;
  throw new Error(`no ConnectError: ${String(thrown)}`);
};

const drain = async (replies: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of replies);
};

async function* forever(): AsyncIterable<Pick<Echo, "text">> {
  yield { text: "one" };
  await never;
}

describe("deadlines", () => {
  test("end a call on both sides, whether it waits for a reply or for the next message", async () => {
    const ended: string[] = [];
    const peer = await startConnectPeer({
      async say(_, { signal }) {
        signal.addEventListener("abort", () => ended.push("say"));
        return never;
      },
      async *converse(requests, { signal }) {
        signal.addEventListener("abort", () => ended.push("converse"));
        for await (const { text } of requests) yield { text };
      },
    });
    const client = echo(peer.url);
    expect((await failureOf(client.say({}, { timeoutMs: 30 }))).code).toBe(Code.DeadlineExceeded);
    expect((await failureOf(drain(client.converse(forever(), { timeoutMs: 30 })))).code).toBe(Code.DeadlineExceeded);
    await expect.poll(() => ended.sort()).toEqual(["converse", "say"]);
  });

  test("are told to the server, the default where the call has none", async () => {
    const left: (number | undefined)[] = [];
    const peer = await startConnectPeer({
      say(_, context) {
        left.push(context.timeoutMs());
        return {};
      },
    });
    const client = echo(peer.url, { defaultTimeoutMs: 5_000 });
    await client.say({}, { timeoutMs: 60_000 });
    await client.say({});
    await client.say({}, { timeoutMs: 0 });
    expect(left[0]).toBeGreaterThan(50_000);
    expect(left[1]).toBeLessThanOrEqual(5_000);
    expect(left[2]).toBeUndefined();
  });

  test("end a call that is still waiting for a connection", async () => {
    const peer = await startConnectPeer({ say: () => never }, { maxConcurrentStreams: 1 });
    const client = echo(peer.url, { pool: { connectionsMax: 1 } });
    const stop = new AbortController();
    const first = failureOf(client.say({}, { signal: stop.signal }));
    await expect.poll(() => peer.sessions.length).toBe(1);
    expect((await failureOf(client.say({}, { timeoutMs: 30 }))).code).toBe(Code.DeadlineExceeded);
    stop.abort();
    expect((await first).code).toBe(Code.Canceled);
  });

  test("are counted by the runtime's clock alone", async () => {
    const time = fakeTime();
    const peer = await startConnectPeer({ say: () => never });
    const failed = failureOf(echo(peer.url, { runtime: { ...runtime, ...time } }).say({}, { timeoutMs: 60_000 }));
    await time.advance(60_000);
    expect((await failed).code).toBe(Code.DeadlineExceeded);
    expect(time.pending()).toBeGreaterThanOrEqual(0);
  });
});

describe("cancellation", () => {
  test("reaches the server, in every kind of call, and the iterable that is sent from", async () => {
    const ended: string[] = [];
    const began: string[] = [];
    const watch = (name: string, signal: AbortSignal) => {
      began.push(name);
      signal.addEventListener("abort", () => ended.push(name));
    };
    const peer = await startConnectPeer({
      say(_, { signal }) {
        watch("say", signal);
        return never;
      },
      gather(_, { signal }) {
        watch("gather", signal);
        return never;
      },
      async *repeat(_, { signal }) {
        watch("repeat", signal);
        yield never;
      },
      async *converse(requests, { signal }) {
        watch("converse", signal);
        for await (const { text } of requests) yield { text };
      },
    });
    const client = echo(peer.url);
    const stop = new AbortController();
    const { signal } = stop;
    let released = 0;
    async function* sent() {
      try {
        for (let count = 0; ; count += 1) {
          yield { text: String(count) };
          await runtime.timers.sleep(1);
        }
      } finally {
        released += 1;
      }
    }
    const calls = [
      failureOf(client.say({}, { signal })),
      failureOf(client.gather(sent(), { signal })),
      failureOf(drain(client.repeat({}, { signal }))),
      failureOf(drain(client.converse(sent(), { signal }))),
    ];
    await expect.poll(() => began.length).toBe(4);
    stop.abort();
    for (const error of await Promise.all(calls)) expect(error.code).toBe(Code.Canceled);
    await expect.poll(() => ended.sort()).toEqual(["converse", "gather", "repeat", "say"]);
    await expect.poll(() => released).toBe(2);
  });

  test("before a call begins keeps it from beginning", async () => {
    const peer = await startConnectPeer({ say: () => ({}) });
    const signal = AbortSignal.abort();
    const client = echo(peer.url);
    expect((await failureOf(client.say({}, { signal }))).code).toBe(Code.Canceled);
    expect((await failureOf(drain(client.repeat({}, { signal })))).code).toBe(Code.Canceled);
    expect(peer.sessions).toHaveLength(0);
  });

  test("with a reason of its own gives that reason", async () => {
    const peer = await startConnectPeer({ say: () => never });
    const stop = new AbortController();
    const failed = failureOf(echo(peer.url).say({}, { signal: stop.signal }));
    stop.abort(new ConnectError("changed my mind", Code.Aborted));
    expect(await failed).toMatchObject({ code: Code.Aborted, rawMessage: "changed my mind" });
  });

  test("leaves no listener on the caller's signal", async () => {
    const peer = await startConnectPeer({ say: () => ({}) });
    const client = echo(peer.url);
    let listeners = 0;
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    Object.assign(signal, {
      addEventListener: (...all: Parameters<typeof add>) => {
        listeners += 1;
        add(...all);
      },
      removeEventListener: (...all: Parameters<typeof remove>) => {
        listeners -= 1;
        remove(...all);
      },
    });
    await client.say({}, { signal });
    await client.say({}, { signal });
    expect(listeners).toBe(0);
  });
});

describe("back-pressure", () => {
  test("a server that does not read stops the iterable that is sent from", async () => {
    const gate = Promise.withResolvers<void>();
    const peer = await startConnectPeer({
      async gather(requests) {
        await gate.promise;
        let count = 0n;
        for await (const _ of requests) count += 1n;
        return { count };
      },
    });
    const text = "x".repeat(10_000);
    let taken = 0;
    async function* sent() {
      for (; taken < 1_000; taken += 1) yield { text };
    }
    const reply = echo(peer.url).gather(sent());
    let before = -1;
    await expect
      .poll(() => {
        const still = taken === before;
        before = taken;
        return still && taken > 0;
      })
      .toBe(true);
    expect(taken).toBeLessThan(500);
    gate.resolve();
    expect((await reply).count).toBe(1_000n);
    expect(taken).toBe(1_000);
  });

  test("a consumer that does not read stops the server", async () => {
    const text = "x".repeat(10_000);
    let sent = 0;
    const peer = await startConnectPeer({
      async *repeat() {
        for (; sent < 1_000; sent += 1) yield { text };
      },
    });
    const replies = echo(peer.url, { acceptGzip: false }).repeat({})[Symbol.asyncIterator]();
    expect((await replies.next()).done).toBe(false);
    let before = -1;
    await expect
      .poll(() => {
        const still = sent === before;
        before = sent;
        return still && sent > 0;
      })
      .toBe(true);
    expect(sent).toBeLessThan(500);
    let received = 1;
    while ((await replies.next()).done !== true) received += 1;
    expect(received).toBe(1_000);
  });
});

describe("a connection that ends", () => {
  test("fails its calls with UNAVAILABLE, and the next call has another", async () => {
    let calls = 0;
    const peer = await startConnectPeer({
      say: () => {
        calls += 1;
        return calls === 1 ? never : {};
      },
    });
    const client = echo(peer.url);
    const failed = failureOf(client.say({}));
    await expect.poll(() => calls).toBe(1);
    for (const session of peer.sessions) session.destroy();
    expect((await failed).code).toBe(Code.Unavailable);
    await client.say({});
    expect(peer.sessions).toHaveLength(2);
  });

  test("by GOAWAY loses no call that was not begun: it is sent again, messages and all", async () => {
    const seen: string[] = [];
    let first: Http2Session | undefined;
    const peer = await startRawPeer((stream: ServerHttp2Stream) => {
      // The first connection takes one stream, and says that it began none of the others.
      first ??= stream.session;
      if (stream.session === first) {
        if (stream.id === 1) stream.session?.goaway(0, 1);
        return;
      }
      let bytes = 0;
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      stream.on("end", () => {
        seen.push(`${stream.id}: ${bytes}`);
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.from([0, 0, 0, 0, 0]));
      });
    });
    const client = echo(peer.url);
    const stop = new AbortController();
    const begun = failureOf(client.say({ text: "begun" }, { signal: stop.signal }));
    async function* two() {
      yield { text: "abc" };
      yield { text: "abc" };
    }
    await Promise.all([client.say({ text: "abc" }), client.gather(two()), drain(client.repeat({ text: "abc" }))]);
    expect(seen.map((line) => line.split(": ")[1]).sort()).toEqual(["10", "10", "20"]);
    stop.abort();
    expect((await begun).code).toBe(Code.Canceled);
  });

  test("a peer that refuses every stream is believed after a few attempts", async () => {
    let streams = 0;
    const peer = await startRawPeer((stream) => {
      streams += 1;
      stream.close(7);
    });
    expect((await failureOf(echo(peer.url).say({}))).code).toBe(Code.Unavailable);
    expect(streams).toBe(4);
  });

  test("as soon as it begins, again and again, fails its calls", async () => {
    let connections = 0;
    const listener = await runtime.network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      connections += 1;
      serveSession(socket, { onStream: () => undefined }, runtime).drain();
    });
    onTestFinished(() => listener.close());
    const client = echo(`http://127.0.0.1:${listener.address.port}`);
    expect((await failureOf(client.say({}))).code).toBe(Code.Unavailable);
    expect(connections).toBeLessThan(20);
  });

  test("at an address where nobody listens is UNAVAILABLE, and says why", async () => {
    const error = await failureOf(echo("http://127.0.0.1:1").say({}));
    expect(error).toMatchObject({ code: Code.Unavailable, rawMessage: expect.stringContaining("ECONNREFUSED") });
    const streamed = await failureOf(drain(echo("http://127.0.0.1:1").repeat({})));
    expect(streamed.code).toBe(Code.Unavailable);
  });

  test("at a peer that speaks something else is UNAVAILABLE", async () => {
    const listener = await runtime.network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    onTestFinished(() => listener.close());
    const { port } = listener.address;
    expect((await failureOf(echo(`http://127.0.0.1:${port}`).say({}))).code).toBe(Code.Unavailable);
  });
});

describe("interceptors", () => {
  /** Everything that an interceptor can see of a call and its response. */
  const observer =
    (seen: unknown[]): Interceptor =>
    (next) =>
    async (request) => {
      seen.push({
        stream: request.stream,
        service: request.service.typeName,
        method: request.method.name,
        requestMethod: request.requestMethod,
        url: request.url,
        header: [...request.header].filter(([name]) => !/^(user-agent|content-type|grpc-accept)/.test(name)),
        aborted: request.signal.aborted,
        message: request.stream ? "messages" : { ...request.message },
      });
      request.header.set("x-added", "yes");
      const response = await next(request);
      seen.push({
        keys: Object.keys(response).sort(),
        stream: response.stream,
        header: response.header.get("x-leading"),
        method: response.method.name,
        trailer: response.trailer.get("x-trailing"),
      });
      return response;
    };

  test("see what they see in Connect's own transport", async () => {
    const added: (string | null)[] = [];
    const peer = await startConnectPeer({
      say(_, { requestHeader, responseHeader, responseTrailer }) {
        added.push(requestHeader.get("x-added"));
        responseHeader.set("x-leading", "l");
        responseTrailer.set("x-trailing", "t");
        return {};
      },
      async *repeat(_, { requestHeader, responseHeader, responseTrailer }) {
        added.push(requestHeader.get("x-added"));
        responseHeader.set("x-leading", "l");
        responseTrailer.set("x-trailing", "t");
        yield { text: "a" };
      },
    });
    const ours: unknown[] = [];
    const theirs: unknown[] = [];
    const clients = [
      echo(peer.url, { interceptors: [observer(ours)] }),
      createClient(EchoService, createGrpcTransport({ baseUrl: peer.url, interceptors: [observer(theirs)] })),
    ];
    for (const client of clients) {
      const trailers: (string | null)[] = [];
      const options = {
        headers: { "x-mine": "m" },
        timeoutMs: 60_000,
        onTrailer: (trailer: Headers) => trailers.push(trailer.get("x-trailing")),
      };
      await client.say({ text: "a" }, options);
      await drain(client.repeat({ text: "a" }, options));
      expect(trailers).toEqual(["t", "t"]);
    }
    expect(ours).toEqual(theirs);
    expect(added).toEqual(["yes", "yes", "yes", "yes"]);
  });

  test("go from the first to the last, and may answer themselves", async () => {
    const order: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      (request) => {
        order.push(name);
        return next(request);
      };
    const refuse: Interceptor = () => () => Promise.reject(new ConnectError("not today", Code.FailedPrecondition));
    const client = echo("http://127.0.0.1:1", { interceptors: [named("first"), named("second"), refuse] });
    expect(await failureOf(client.say({}))).toMatchObject({ code: Code.FailedPrecondition });
    expect(order).toEqual(["first", "second"]);
  });

  test("are within the deadline", async () => {
    const slow: Interceptor = (next) => async (request) => {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return next(request);
    };
    const client = echo("http://127.0.0.1:1", { interceptors: [slow] });
    expect((await failureOf(client.say({}, { timeoutMs: 20 }))).code).toBe(Code.DeadlineExceeded);
    expect((await failureOf(drain(client.repeat({}, { timeoutMs: 20 })))).code).toBe(Code.DeadlineExceeded);
  });
});

describe("requests", () => {
  test("carry the caller's headers, but for those that belong to the protocol", async () => {
    let headers: Record<string, unknown> = {};
    const peer = await startRawPeer((stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "0" }, { endStream: true });
    });
    peer.server.on("stream", (_, received) => {
      headers = { ...received };
    });
    const client = echo(peer.url, { acceptGzip: false });
    const sent = { "X-One": " 1 ", te: "gzip", "content-type": "text/plain", connection: "close", host: "elsewhere" };
    await failureOf(
      client.say({}, { headers: { ...sent, "user-agent": "me", "grpc-timeout": "1S" }, timeoutMs: 5_000 }),
    );
    expect(headers).toMatchObject({
      ":method": "POST",
      ":path": "/echo.v1.EchoService/Say",
      ":authority": peer.url.slice(7),
      "x-one": "1",
      te: "trailers",
      "content-type": "application/grpc",
      "user-agent": "me",
      "grpc-timeout": "5000m",
    });
    expect(headers).not.toHaveProperty("connection");
    expect(headers).not.toHaveProperty("host");
    expect(headers).not.toHaveProperty("grpc-accept-encoding");
    await failureOf(
      client.say(
        {},
        {
          headers: [
            ["x-two", "a"],
            ["x-two", "b"],
          ],
        },
      ),
    );
    expect(headers).toMatchObject({ "x-two": "a, b", "user-agent": expect.stringMatching(/^grpc-node-heddle\//) });
  });

  test.each([{ "x y": "a" }, { "x-a": "a\r\nb: c" }, { "x-a": "\u{1F600}" }])(
    "with %j are refused",
    async (headers) => {
      const client = echo("http://127.0.0.1:1");
      await expect(client.say({}, { headers })).rejects.toThrow(TypeError);
    },
  );

  test("over the bound are RESOURCE_EXHAUSTED before they are sent, those that are no message INTERNAL", async () => {
    const peer = await startConnectPeer({ say: () => ({}), async *repeat() {} });
    const client = echo(peer.url, { writeMaxBytes: 100 });
    expect((await failureOf(client.say({ text: "x".repeat(100) }))).code).toBe(Code.ResourceExhausted);
    expect((await failureOf(drain(client.repeat({ text: "x".repeat(100) })))).code).toBe(Code.ResourceExhausted);
    const wrong = { count: "many" } as unknown as { count: bigint };
    expect((await failureOf(client.say(wrong))).code).toBe(Code.Internal);
  });

  test("of an iterable that throws fail with what it threw", async () => {
    const peer = await startConnectPeer({ gather: () => never });
    async function* broken() {
      yield { text: "a" };
      throw new ConnectError("no more", Code.DataLoss);
    }
    expect(await failureOf(echo(peer.url).gather(broken()))).toMatchObject({
      code: Code.DataLoss,
      rawMessage: "no more",
    });
  });

  test("go below the path of the base URL", async () => {
    const paths: string[] = [];
    const peer = await startRawPeer((stream) => stream.close(8));
    peer.server.on("stream", (_, headers) => paths.push(String(headers[":path"])));
    await failureOf(echo(`${peer.url}/mesh/`).say({}));
    expect(paths).toEqual(["/mesh/echo.v1.EchoService/Say"]);
  });
});

test("a base URL that is none is refused at once", () => {
  for (const baseUrl of ["", "localhost:80", "ftp://a", "grpc://127.0.0.1:1"])
    expect(() => createHeddleTransport({ baseUrl })).toThrow("http://host:port");
});

test("a response that ends while the request goes on releases the iterable that is sent from", async () => {
  const peer = await startConnectPeer({ gather: () => Promise.reject(new ConnectError("enough", Code.OutOfRange)) });
  let released = false;
  async function* sent() {
    try {
      for (;;) {
        yield { text: "a" };
        await runtime.timers.sleep(1);
      }
    } finally {
      released = true;
    }
  }
  expect(await failureOf(echo(peer.url).gather(sent()))).toMatchObject({ code: Code.OutOfRange });
  await expect.poll(() => released).toBe(true);
});

test("a consumer that leaves its iterator cancels the call", async () => {
  let aborted = false;
  const peer = await startConnectPeer({
    async *repeat(_, { signal }) {
      signal.addEventListener("abort", () => {
        aborted = true;
      });
      yield { text: "a" };
      await never;
    },
  });
  const transport = connect(peer.url);
  async function* one() {
    yield { text: "a" };
  }
  const { message } = await transport.stream(EchoService.method.repeat, undefined, undefined, undefined, one());
  for await (const _ of message) break;
  await expect.poll(() => aborted).toBe(true);
});

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

test("grpc-js serves this client as it serves its own", async () => {
  const server = new GrpcServer();
  const echoOf = (call: { request: Buffer }) => call.request;
  const bytes = (buffer: Buffer) => buffer;
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const path = (name: string) => `/echo.v1.EchoService/${name}`;
  server.addService(
    {
      say: { path: path("Say"), requestStream: false, responseStream: false, ...codec },
      converse: { path: path("Converse"), requestStream: true, responseStream: true, ...codec },
    },
    {
      say: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        if (call.request.length > 0) callback(null, echoOf(call));
        else callback({ code: 5, details: "nothing ☃", metadata: call.metadata });
      },
      converse: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (message) => call.write(message));
        call.on("end", () => call.end());
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  const client = echo(`http://127.0.0.1:${port}`);
  expect((await client.say({ text: "a" })).text).toBe("a");
  expect(await failureOf(client.say({}, { headers: { "x-back": "1" } }))).toMatchObject({
    code: Code.NotFound,
    rawMessage: "nothing ☃",
  });
  async function* sent() {
    for (let count = 0; count < 100; count += 1) yield { text: "x".repeat(count * 100) };
  }
  let received = 0;
  for await (const { text } of client.converse(sent())) {
    expect(text).toHaveLength(received * 100);
    received += 1;
  }
  expect(received).toBe(100);
});
