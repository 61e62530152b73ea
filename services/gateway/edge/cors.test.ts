import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { describe, expect, test } from "vitest";
import { planOf } from "../routing/call-plan.ts";
import { createCors } from "./cors.ts";

const { timers } = systemRuntime();
const APP = "https://app.example.com";
const OWN_HOST = "mesh.example.com:8080";

/** Sends a request through, and tells whether it was let in and what was answered. */
const ask = (headers: Record<string, string>, origins: readonly string[] = [APP]) => {
  const stream = new FakeStream({ receivedEnd: true });
  let passed = false;
  const handle = createCors(
    origins,
    timers,
  )((inner) => {
    passed = true;
    inner.sendHeaders(HeaderList.of({ ":status": "200" }), ["x-extra", "1"], true);
  });
  handle(stream, HeaderList.of({ ":method": "POST", ":authority": OWN_HOST, ":path": "/", ...headers }), true);
  const [first, body] = stream.sent;
  return { passed, fields: first?.[0] === "headers" ? first[1] : {}, body: body?.[0] === "data" ? body[1] : "" };
};

const preflight = (origin: string, headers: Record<string, string> = {}) =>
  ask({ ":method": "OPTIONS", origin, "access-control-request-method": "POST", ...headers });

test("what is no page, and a page of the gateway's own, passes untouched", () => {
  for (const origin of [undefined, `http://${OWN_HOST}`, `https://${OWN_HOST}`]) {
    expect(ask(origin === undefined ? {} : { origin }, [])).toEqual({
      passed: true,
      fields: { ":status": "200", "x-extra": "1" },
      body: "",
    });
  }
});

test("a page of an origin that is let in reads the whole answer", () => {
  const { passed, fields } = ask({ origin: APP });
  expect(passed).toBe(true);
  expect(fields).toMatchObject({ "x-extra": "1", "access-control-allow-origin": APP, vary: "origin" });
  expect(fields["access-control-expose-headers"]?.split(", ")).toEqual(
    expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin", "deprecation", "sunset"]),
  );
  expect(fields["access-control-allow-credentials"]).toBeUndefined();
});

test("its preflight is answered for all methods and for the metadata that it asks for, and remembered", () => {
  const { passed, fields } = preflight(APP, { "access-control-request-headers": "authorization, x-grpc-web,x-mine" });
  expect(passed).toBe(false);
  expect(fields).toEqual({
    ":status": "204",
    "access-control-allow-origin": APP,
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, x-grpc-web,x-mine",
    "access-control-max-age": "7200",
    vary: "origin, access-control-request-headers",
  });
  expect(preflight(APP, { "access-control-request-headers": "a b\r" }).fields).not.toHaveProperty(
    "access-control-allow-headers",
  );
});

describe.each(["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"])(
  "a page of %s",
  (origin) => {
    test("is refused before anything is done, with a reason", () => {
      const { passed, fields, body } = ask({ origin, "content-type": "application/json" });
      expect(passed).toBe(false);
      expect(fields[":status"]).toBe("403");
      expect(fields).not.toHaveProperty("access-control-allow-origin");
      expect(JSON.parse(body)).toMatchObject({
        code: "permission_denied",
        details: [{ debug: { reason: "ORIGIN_NOT_ALLOWED", metadata: { origin } } }, ...[]],
      });
    });

    test("has its preflight refused in words", () => {
      const { fields, body } = preflight(origin);
      expect(fields[":status"]).toBe("403");
      expect(fields).not.toHaveProperty("access-control-allow-origin");
      expect(body).toContain("HEDDLE_CORS_ORIGINS");
    });
  },
);

test("what was found out about a list of headers holds for a page as for a program", () => {
  const handled: unknown[] = [];
  const handle = createCors([], timers)((_stream, headers) => void handled.push(planOf(headers)));
  for (const origin of [undefined, "https://evil.example"]) {
    const headers = HeaderList.of({ ":method": "POST", ":authority": OWN_HOST, ":path": "/", origin });
    planOf(headers);
    for (let calls = 0; calls < 3; calls++) handle(new FakeStream({ receivedEnd: true }), headers, true);
  }
  expect(handled).toHaveLength(3);
});

test("a call that the gateway makes to itself for a page was let in before", () => {
  const stream = new FakeStream({ peer: "memory", receivedEnd: true });
  let passed = false;
  createCors(
    [],
    timers,
  )(() => {
    passed = true;
  })(
    stream,
    HeaderList.of({ ":method": "POST", ":authority": "heddle", ":path": "/", origin: `http://${OWN_HOST}` }),
    true,
  );
  expect(passed).toBe(true);
  expect(stream.sent).toEqual([]);
});

test("by default no page of another origin may call", () => {
  expect(ask({ origin: APP }, []).passed).toBe(false);
});
