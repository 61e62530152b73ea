import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AuthService } from "@heddle/contracts/auth/v1";
import { expect, onTestFinished, test } from "vitest";
import { bearer, claimsOf, testKey, tokenOf } from "../identity/fixtures/tokens.ts";
import { type Caller, createAccessGuard, createAuthenticator, KeySet, LOCAL } from "../identity/index.ts";
import { createLog } from "../observe/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";
import { FakeStream } from "../testing/fake-stream.ts";
import { HeaderList } from "../wire/index.ts";
import { currentCall } from "./call.ts";
import { grpcTransport, memoryTransport } from "./client.ts";
import { implementation } from "./implementation.ts";
import { createRpcServer } from "./server.ts";
import type { WireChoice } from "./wire-choice.ts";

const runtime = systemRuntime();
const key = testKey("one");
const log = createLog({
  service: "test",
  level: "silent",
  clock: runtime.clock,
  destination: { write: () => undefined },
});

/** A server of auth's contract that lets in by it, and notes who calls. */
const start = async ({
  wire = "heddle",
  mode = "enforced",
}: {
  wire?: WireChoice;
  mode?: "enforced" | "local";
} = {}) => {
  const keys = new KeySet({ ...runtime, log, fetch: async () => [key] });
  onTestFinished(() => keys.stop());
  await keys.ask();
  const access = createAccessGuard(
    createAuthenticator({ mode, keys, identityKey: undefined, clock: runtime.clock }),
    runtime.clock,
  );
  const callers: (Caller | undefined)[] = [];
  const note = () => {
    callers.push(currentCall()?.caller);
    return {};
  };
  const server = createRpcServer({
    runtime,
    log,
    wire,
    access,
    implementations: [
      implementation(AuthService, {
        registerUser: note,
        login: note,
        refreshSession: note,
        logout: note,
        getUser: note,
        listUsers: note,
        setUserRoles: note,
        getSigningKeys: note,
      }),
    ],
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await server.drain(0);
  });
  const baseUrl = `http://127.0.0.1:${port}`;
  const ways: [string, Transport][] = [
    ["gRPC", grpcTransport(baseUrl, runtime, wire)],
    ["gRPC of grpc-node", createGrpcTransport({ baseUrl })],
    ["gRPC-Web", createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
    ["Connect", createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false })],
    ["Connect by GET", createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true })],
    ["memory", memoryTransport(server, runtime)],
  ];
  return {
    server,
    baseUrl,
    callers,
    ways: ways.map(([way, transport]) => ({ way, auth: createClient(AuthService, transport) })),
  };
};

const tokenFor = (...roles: string[]) => tokenOf(key, claimsOf(runtime.clock.nowMs(), roles));

test.each(["heddle", "node"] as const)(
  "by every protocol, over %s, a caller is let in by the contract",
  async (wire) => {
    const { ways, callers } = await start({ wire });
    for (const { way, auth } of ways) {
      const list = (headers: Record<string, string>) => auth.listUsers({}, { headers });
      expect(await expectFailure(list({})), way).toMatchObject({
        code: "Unauthenticated",
        reason: "CREDENTIALS_MISSING",
      });
      expect(await expectFailure(list(bearer("x"))), way).toMatchObject({
        code: "Unauthenticated",
        reason: "TOKEN_INVALID",
      });
      expect(await expectFailure(list(bearer(tokenFor("clerk")))), way).toMatchObject({
        code: "PermissionDenied",
        reason: "ACCESS_DENIED",
        domain: "auth.v1",
      });
      expect(callers, way).toEqual([]);
      const good = bearer(tokenFor("auditor"));
      // The second finds what the first has left with its headers.
      await list(good);
      await list(good);
      await auth.getSigningKeys({});
      expect(callers.splice(0), way).toMatchObject([
        { kind: "user", id: "usr_1", roles: ["auditor"] },
        { kind: "user", id: "usr_1" },
        { kind: "anonymous" },
      ]);
    }
  },
);

test("in local mode a caller without credentials is the local one, and one with credentials is who they say", async () => {
  const { ways, callers } = await start({ mode: "local" });
  for (const { way, auth } of ways) {
    await auth.listUsers({});
    expect(callers.splice(0), way).toEqual([LOCAL]);
    const clerk = auth.listUsers({}, { headers: bearer(tokenFor("clerk")) });
    expect(await expectFailure(clerk), way).toMatchObject({ reason: "ACCESS_DENIED" });
    // No page calls within the process.
    if (way === "memory") continue;
    const page = auth.listUsers({}, { headers: { origin: "http://evil.example" } });
    expect(await expectFailure(page), way).toMatchObject({ reason: "CREDENTIALS_MISSING" });
  }
});

test("nothing of a call is looked at before who makes it", async () => {
  const { ways, baseUrl } = await start();
  for (const { way, auth } of ways) {
    // As bad as it can be, and never told so.
    const invalid = auth.getUser({ userId: "nobody" });
    expect(await expectFailure(invalid), way).toMatchObject({ reason: "CREDENTIALS_MISSING" });
    const late = auth.getUser({ userId: "nobody" }, { timeoutMs: 0, headers: { "grpc-encoding": "br" } });
    expect((await expectFailure(late)).reason ?? "CREDENTIALS_MISSING", way).toBe("CREDENTIALS_MISSING");
  }
  for (const headers of [{ "content-type": "application/json" }, { "content-type": "text/plain" }]) {
    const response = await fetch(`${baseUrl}/auth.v1.AuthService/GetUser`, {
      method: "POST",
      headers,
      body: "no JSON",
    });
    expect(response.status).toBe(401);
  }
});

test("a 401 says how to come again", async () => {
  const { baseUrl } = await start();
  const challenge = async (headers: Record<string, string>) => {
    const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body: "{}" };
    const { status, headers: given } = await fetch(`${baseUrl}/auth.v1.AuthService/ListUsers`, init);
    return [status, given.get("www-authenticate")];
  };
  expect(await challenge({})).toEqual([401, "Bearer"]);
  expect(await challenge(bearer("x"))).toEqual([401, 'Bearer error="invalid_token"']);
  expect(await challenge(bearer(tokenFor("clerk")))).toEqual([403, null]);
});

test("a body that follows a refusal is dropped", async () => {
  const { server, callers } = await start();
  const stream = new FakeStream();
  const fields = { ":method": "POST", ":path": "/auth.v1.AuthService/ListUsers", "content-type": "application/grpc" };
  server.handle(stream, HeaderList.of(fields), false);
  stream.handler.onData(new Uint8Array(1024), false);
  expect([stream.consumed, callers]).toEqual([1024, []]);
  expect(stream.sent[0]?.[1]).toMatchObject({ "grpc-status": "16" });
});

test("a token that expires between two calls with the same headers lets in no more", async () => {
  const { ways } = await start();
  const [first] = ways;
  const soon = tokenOf(key, {
    ...claimsOf(runtime.clock.nowMs(), ["operator"]),
    exp: runtime.clock.nowMs() / 1000 - 29.9,
  });
  const list = () => first?.auth.listUsers({}, { headers: bearer(soon) }) ?? Promise.reject(new Error("no way"));
  await expect
    .poll(() =>
      list().then(
        () => "in",
        () => "out",
      ),
    )
    .toBe("out");
  expect(await expectFailure(list())).toMatchObject({ reason: "TOKEN_EXPIRED" });
});
