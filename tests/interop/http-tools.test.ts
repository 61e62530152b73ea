import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { systemRuntime } from "../../mesh/runtime/index.ts";
import { connectSession, HeaderList, type Session } from "../../mesh/wire/index.ts";
import { freePort } from "../mesh.ts";
import { InteropService, registry } from "./contract.ts";
import { interopHandlers } from "./handlers.ts";
import { type BareServer, serveBare } from "./serve-bare.ts";
import { requireTools, runToEnd } from "./tools.ts";

// Tools that speak HTTP and know nothing of gRPC.

const folder = mkdtempSync(join(tmpdir(), "heddle-http-tools-"));
const requestFile = join(folder, "request.bin");
const PATH = "/interop.v1.InteropService/Say";
const GRPC = ["-H", "content-type: application/grpc", "-H", "te: trailers"];

let server: BareServer;
let url: string;

beforeAll(async () => {
  requireTools("nghttp", "h2load", "nghttpd", "curl");
  const { input } = InteropService.method.say;
  const message = toBinary(
    input,
    create(input, { order: { payload: Buffer.from("heddle"), paddingBytes: 100 } } as never),
  );
  writeFileSync(requestFile, envelope(message));
  server = await serveBare({ service: InteropService, handlers: interopHandlers, registry });
  url = `http://127.0.0.1:${server.port}${PATH}`;
});
afterAll(async () => {
  await server.drain(0);
  rmSync(folder, { recursive: true, force: true });
});

test("nghttp sees the frames of a gRPC call", async () => {
  const { code, stdout } = await runToEnd("nghttp", ["-nv", ...GRPC, "--data", requestFile, url], {
    timeoutMs: 10_000,
  });
  expect(code).toBe(0);
  const frames = stripVTControlCharacters(stdout);
  expect(frames).toMatch(/:status: 200/);
  expect(frames).toMatch(/recv DATA frame/);
  expect(frames).toMatch(/grpc-status: 0/);
  expect(frames).not.toMatch(/RST_STREAM|INVALID/);
});

test("nghttp's padding and priorities do no harm", async () => {
  const args = [
    "-nv",
    "--padding",
    "255",
    "--weight",
    "7",
    "--window-bits",
    "10",
    "--connection-window-bits",
    "12",
    ...GRPC,
  ];
  const { stdout } = await runToEnd("nghttp", [...args, "--data", requestFile, url], { timeoutMs: 10_000 });
  expect(stripVTControlCharacters(stdout)).toMatch(/grpc-status: 0/);
});

test("h2load: every one of 20,000 calls on 8 connections succeeds", async () => {
  const args = ["-n", "20000", "-c", "8", "-m", "64", ...GRPC, "-d", requestFile, url];
  const { stdout } = await runToEnd("h2load", args, { timeoutMs: 60_000 });
  expect(stdout).toMatch(/20000 succeeded, 0 failed, 0 errored, 0 timeout/);
  expect(stdout).toMatch(/20000 2xx/);
}, 60_000);

describe("curl", () => {
  test("makes a gRPC call by hand", async () => {
    const body = join(folder, "reply.bin");
    const head = join(folder, "head.txt");
    const args = [
      "-sS",
      "--http2-prior-knowledge",
      ...GRPC,
      "--data-binary",
      `@${requestFile}`,
      "-D",
      head,
      "-o",
      body,
    ];
    expect(await runToEnd("curl", [...args, url], { timeoutMs: 10_000 })).toMatchObject({ code: 0 });
    expect(readFileSync(head, "utf8")).toMatch(/^HTTP\/2 200/);
    expect(readFileSync(head, "utf8")).toMatch(/^grpc-status: 0/m);
    const reply = fromBinary(InteropService.method.say.output, readFileSync(body).subarray(5));
    expect(reply.payload.length).toBe("heddle".length + 100);
  });

  test.each(["--http1.1", "--http2-prior-knowledge", "--http2"])("calls by JSON, %s", async (version) => {
    const args = [
      "-sS",
      version,
      "-H",
      "content-type: application/json",
      "-d",
      '{"order":{"payload":"aGVkZGxl"}}',
      url,
    ];
    const { stdout } = await runToEnd("curl", args, { timeoutMs: 10_000 });
    expect(JSON.parse(stdout)).toEqual({ payload: "aGVkZGxl" });
  });
});

test("our engine as a client takes files from nghttpd, one of them large, many at once", async () => {
  const large = Buffer.alloc(5 << 20, "heddle");
  writeFileSync(join(folder, "large"), large);
  writeFileSync(join(folder, "small"), "small");
  const port = await freePort();
  const nghttpd = spawn("nghttpd", ["--no-tls", "--address", "127.0.0.1", "-d", folder, String(port)], {
    stdio: "ignore",
  });
  onTestFinished(() => void nghttpd.kill());
  const session = await connected(port);
  onTestFinished(() => session.destroy());
  expect(large.equals(await get(session, "/large"))).toBe(true);
  const all = await Promise.all(Array.from({ length: 80 }, () => get(session, "/small")));
  expect(all.map(String)).toEqual(Array(80).fill("small"));
  session.drain();
}, 20_000);

const envelope = (message: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};

/** A session to a server that is about to listen. */
const connected = async (port: number): Promise<Session> => {
  const runtime = systemRuntime();
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return connectSession(socket, { onStream: () => undefined }, runtime);
    } catch {
      await runtime.timers.sleep(5);
    }
  }
};

const get = (session: Session, path: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const headers = HeaderList.of({ ":method": "GET", ":scheme": "http", ":path": path, ":authority": "nghttpd" });
    const stream = session.request(headers, undefined, true, {
      onHeaders(received) {
        if (received.get(":status") !== "200") reject(new Error(`${path}: ${received.get(":status")}`));
      },
      onData(chunk, end) {
        chunks.push(Buffer.from(chunk));
        stream.consume(chunk.length);
        if (end) resolve(Buffer.concat(chunks));
      },
      onTrailers: () => resolve(Buffer.concat(chunks)),
      onReset: (code, cause) => reject(new Error(`${path}: reset with ${code} by ${cause}`)),
      onDrain: () => undefined,
    });
  });
