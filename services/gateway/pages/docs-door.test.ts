import { gunzipSync } from "node:zlib";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { packageSetsOf, parseDescriptorSet } from "@heddle/mesh/contract";
import { createLog } from "@heddle/mesh/observe";
import { systemRuntime } from "@heddle/mesh/runtime";
import { FakeStream } from "@heddle/mesh/testing";
import { HeaderList } from "@heddle/mesh/wire";
import { expect, test } from "vitest";
import type { PackageContract } from "../registry/contracts.ts";
import { docsDoor } from "./docs-door.ts";

const { timers, clock } = systemRuntime();
const log = createLog({ service: "test", level: "silent", clock, destination: { write: () => undefined } });

const [customer, order] = packageSetsOf([CustomerService, OrderService]).map(
  ({ packageName, services, hash, read }): PackageContract => {
    const bytes = read();
    const { registry } = parseDescriptorSet(bytes, "heddle.registry.v1");
    return { name: packageName, services, hash, bytes, registry };
  },
) as [PackageContract, PackageContract];

/** A door to packages that may change. */
const doorTo = (...packages: PackageContract[]) => {
  let version = 1;
  const door = docsDoor({
    catalog: { packages: () => packages, version: () => version },
    version: "1.0.0",
    timers,
    log,
  });
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const stream = new FakeStream({ receivedEnd: true });
    const taken = door(stream, HeaderList.of({ ":method": "GET", ":path": path, ...headers }), true);
    if (taken) await expect.poll(() => stream.sent.length).toBeGreaterThan(0);
    const [head, body] = stream.sent;
    const fields: Record<string, string> = head?.[0] === "headers" ? head[1] : {};
    return { taken, status: fields[":status"], fields, body: body === undefined ? undefined : String(body[1]) };
  };
  const replace = (next: PackageContract) => {
    packages.splice(0, packages.length, next);
    version++;
  };
  return { ask, replace };
};

test("/openapi.json tells of all packages, /openapi/<package>.json of one", async () => {
  const { ask } = doorTo(customer, order);
  const whole = await ask("/openapi.json");
  expect([whole.status, whole.fields["content-type"]]).toEqual(["200", "application/json"]);
  expect(Object.keys(JSON.parse(whole.body ?? "").paths)).toEqual(
    expect.arrayContaining(["/v1/customers/{customer_id}", "/v1/orders/{order_id}"]),
  );
  const one = JSON.parse((await ask("/openapi/customer.v1.json")).body ?? "");
  expect(one.info).toMatchObject({ title: "customer.v1", version: "v1" });
  expect(Object.keys(one.paths)).not.toContain("/v1/orders/{order_id}");
});

test("a document that the caller has is not sent again, until a contract changes", async () => {
  const { ask, replace } = doorTo(customer, order);
  const { etag = "" } = (await ask("/openapi.json")).fields;
  expect(await ask("/openapi.json", { "if-none-match": `"other", ${etag}` })).toMatchObject({
    status: "304",
    body: undefined,
    fields: { etag },
  });
  replace(order);
  const changed = await ask("/openapi.json", { "if-none-match": etag });
  expect(changed.status).toBe("200");
  expect(changed.fields.etag).not.toBe(etag);
  expect((await ask("/openapi/customer.v1.json")).status).toBe("404");
});

test("documents and files come in gzip to who takes that", async () => {
  const { ask } = doorTo(customer);
  const { fields, body } = await ask("/openapi.json", { "accept-encoding": "gzip" });
  expect(fields["content-encoding"]).toBe("gzip");
  expect(JSON.parse(gunzipSync(Buffer.from(body ?? "", "latin1")).toString()).openapi).toBe("3.1.1");
});

test("the page loads nothing but files from here, and may run no script within it", async () => {
  const { ask } = doorTo(customer, order);
  for (const path of ["/docs", "/docs/", "/docs/order.v1"]) {
    const { status, fields, body = "" } = await ask(path);
    expect([status, fields["content-type"]]).toEqual(["200", "text/html; charset=utf-8"]);
    expect(fields["content-security-policy"]).toContain("script-src 'self'");
    const sources = [...body.matchAll(/(?:src|href|data-document)="([^"]+)"/g)].map(([, source]) => source ?? "");
    expect(sources.filter((source) => !source.startsWith("/"))).toEqual([]);
    expect(body).not.toMatch(/<script>|<script [^>]*>[^<]|style=|onload=/);
    for (const source of new Set(sources)) expect([source, (await ask(source)).status]).toEqual([source, "200"]);
  }
});

test("names of packages that mean something in HTML are shown as they are", async () => {
  const { ask } = doorTo({ ...customer, name: 'a"><script>' });
  expect((await ask("/docs")).body).not.toContain("<script>");
});

test.each([
  "/docs/assets/..%2Fservice.ts",
  "/docs/assets/package.json",
  "/docs/assets/constructor",
  "/docs/loom.v1",
  "/openapi/loom.v1.json",
])("%s is nothing that the gateway has", async (path) => {
  const { status, body } = await doorTo(customer).ask(path);
  expect([status, JSON.parse(body ?? "").details[0].reason]).toEqual(["404", "DOCUMENT_UNKNOWN"]);
});

test.each(["/docs/assets/../service.ts", "/openapi", "/documents", "/v1/customers"])(
  "%s is left to others",
  async (path) => {
    expect((await doorTo(customer).ask(path)).taken).toBe(false);
  },
);

test("other verbs are refused", async () => {
  expect(await doorTo(customer).ask("/openapi.json", { ":method": "POST" })).toMatchObject({
    status: "405",
    fields: { allow: "GET, HEAD" },
  });
});
