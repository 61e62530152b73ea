import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AuthService } from "@heddle/contracts/auth/v1";
import { ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMesh, type TestMesh } from "./mesh.ts";

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh(["gateway", "auth"]);
}, 60_000);
afterAll(() => mesh.stop());

const PROTOCOLS: readonly [string, () => Transport][] = [
  ["gRPC", () => createGrpcTransport({ baseUrl: mesh.url })],
  ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: mesh.url, httpVersion: "1.1" })],
  ["Connect", () => createConnectTransport({ baseUrl: mesh.url, httpVersion: "1.1" })],
];

/** The `age` of GetSigningKeys' reply; null when it was made for this call. */
const ageOf = async (transport: Transport, headers: Record<string, string> = {}): Promise<string | null> => {
  let age: string | null = null;
  const { keys } = await createClient(AuthService, transport).getSigningKeys(
    {},
    {
      headers,
      onHeader: (header) => {
        age = header.get("age");
      },
    },
  );
  expect(keys.length).toBeGreaterThan(0);
  return age;
};

describe("replies that the contract lets be kept", () => {
  test.each(PROTOCOLS)("are given again by %s, unless the caller wants its own", async (_, transport) => {
    await ageOf(transport());
    expect(await ageOf(transport())).toMatch(/^\d+$/);
    expect(await ageOf(transport(), { "cache-control": "no-cache" })).toBeNull();
  });

  test("are given again by REST", async () => {
    await fetch(`${mesh.url}/v1/signingKeys`);
    const answer = await fetch(`${mesh.url}/v1/signingKeys`);
    expect([answer.status, answer.headers.get("age")]).toEqual([200, expect.stringMatching(/^\d+$/)]);
  });

  test("outlive the service for their time", async () => {
    await ageOf(createGrpcTransport({ baseUrl: mesh.url }));
    await mesh.kill("auth", "SIGKILL");
    expect(await ageOf(createGrpcTransport({ baseUrl: mesh.url }))).toMatch(/^\d+$/);
    await mesh.start("auth");
  });
});

/** Calls Login with what is no request until the rate is reached: a refusal costs nobody a password check. */
const loginUntilRefused = async (transport: Transport): Promise<ConnectError> => {
  const client = createClient(AuthService, transport);
  for (let call = 0; call < 5_000; call++) {
    const error = await client.login({ email: "nobody", password: "" }).catch((thrown) => ConnectError.from(thrown));
    if (error instanceof ConnectError && error.code !== Code.InvalidArgument) return error;
  }
  return expect.fail("no call was refused");
};

describe("the rate that the contract allows each caller", () => {
  test.each(PROTOCOLS)("is held by %s, and the refusal says when to try again", async (_, transport) => {
    const refusal = await loginUntilRefused(transport());
    expect(refusal.code).toBe(Code.ResourceExhausted);
    expect(refusal.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: "RATE_LIMITED", domain: "heddle.gateway" });
    expect(refusal.findDetails(RetryInfoSchema)).toHaveLength(1);
  });

  test("is told to plain HTTP by 429 and retry-after", async () => {
    await loginUntilRefused(createGrpcTransport({ baseUrl: mesh.url }));
    const url = `${mesh.url}/auth.v1.AuthService/Login`;
    const body = JSON.stringify({ email: "nobody" });
    let answer: Response;
    do answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    while (answer.status === 400);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
  });
});
