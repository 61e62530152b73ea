import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import { healthDoor } from "./health-door.ts";

const { timers } = systemRuntime();

const ask = (
  path: string,
  {
    method = "GET",
    serving = {},
    learning = false,
  }: { method?: string; serving?: Record<string, boolean>; learning?: boolean } = {},
) => {
  const door = healthDoor({
    contracts: { services: () => Object.keys(serving) },
    instances: {
      serves: (name) => serving[name] === true,
      absence: (name) => (name.startsWith("never.") ? undefined : "its last instance left"),
    },
    learning: () => learning,
    timers,
  });
  const stream = new FakeStream({ receivedEnd: true });
  const taken = door(stream, HeaderList.of({ ":method": method, ":path": path }), true);
  const [head, body] = stream.sent;
  const fields = head?.[0] === "headers" ? head[1] : {};
  return { taken, status: fields[":status"], fields, body: body === undefined ? undefined : String(body[1]) };
};

test("/healthz says that the process lives, whatever runs", () => {
  expect(ask("/healthz", { learning: true })).toMatchObject({ taken: true, status: "200", body: "ok\n" });
  expect(ask("/healthz?x=1", { method: "HEAD" })).toMatchObject({ status: "200", body: undefined });
});

test("/readyz is 200 when every known service has an instance", () => {
  const { status, body, fields } = ask("/readyz", { serving: { "order.v1.OrderService": true } });
  expect([status, body, fields["cache-control"]]).toEqual(["200", '{"ready":true}\n', "no-store"]);
});

test("/readyz is 503 and names who is missing", () => {
  const serving = { "order.v1.OrderService": false, "billing.v1.BillingService": true, "auth.v1.AuthService": false };
  const { status, body } = ask("/readyz", { serving });
  expect(status).toBe("503");
  expect(JSON.parse(body ?? "")).toEqual({
    ready: false,
    why: "2 services have no instance that takes calls",
    missing: [
      { service: "auth.v1.AuthService", why: "its last instance left" },
      { service: "order.v1.OrderService", why: "its last instance left" },
    ],
  });
});

test("/readyz misses no service that only a contract names", () => {
  expect(ask("/readyz", { serving: { "never.v1.OfferedService": false } }).status).toBe("200");
});

test("/readyz is 503 while the gateway learns who runs", () => {
  const { status, body } = ask("/readyz", { serving: { "order.v1.OrderService": true }, learning: true });
  expect([status, JSON.parse(body ?? "")]).toMatchObject(["503", { ready: false, missing: [] }]);
});

test("other verbs are refused, and other paths left to others", () => {
  expect(ask("/readyz", { method: "POST" })).toMatchObject({
    taken: true,
    status: "405",
    fields: { allow: "GET, HEAD" },
  });
  expect(ask("/healthz/x").taken).toBe(false);
});
