import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { OrderService, OrderState } from "@heddle/contracts/order/v1";
import { type Browser, chromium, type Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type TestMesh } from "../mesh.ts";
import type { Outcome } from "./browser/page.ts";

const CHROMIUM = "/usr/bin/chromium";

let site: Server;
let origin: string;
let mesh: TestMesh;
let browser: Browser;

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium (.ci/run does)`);
  const script = await bundle(resolve(import.meta.dirname, "browser/page.ts"));
  site = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>page</title><script type="module" src="/page.js"></script>',
    );
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => site.once("listening", listening));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  mesh = await startMesh(["gateway", "customer", "order"], { HEDDLE_CORS_ORIGINS: origin });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  site?.close();
  await mesh?.stop();
});

/** One script of a page and all that it imports. */
const bundle = async (entry: string): Promise<string> => {
  const built = await build({
    configFile: false,
    logLevel: "warn",
    build: { write: false, lib: { entry, formats: ["es"], fileName: "page" } },
  });
  const [output] = [built].flat();
  if (output === undefined || !("output" in output)) throw new Error("vite bundled nothing");
  return output.output[0].code;
};

const pageOf = async (url: string): Promise<Page> => {
  const page = await browser.newPage();
  await page.goto(url);
  await page.waitForFunction("typeof run === 'function'");
  return page;
};

const CALL = "(asked) => run(asked)";

test("a page of another origin that is let in calls unary methods and streams by every client of browsers", async () => {
  const customers = mesh.client(CustomerService);
  const { customer } = await customers.createCustomer({
    givenName: "Ada",
    familyName: "Lovelace",
    email: "ada@example.com",
  });
  const { order } = await mesh.client(OrderService).placeOrder({
    customerId: customer?.id ?? "",
    lines: [
      { sku: "LAMP-01", description: "Desk lamp", quantity: 1, unitPrice: { currencyCode: "USD", minorUnits: 1n } },
    ],
  });
  const page = await pageOf(origin);
  const outcomes = (await page.evaluate(
    `(${CALL})(${JSON.stringify({ gateway: mesh.url, orderId: order?.id, pageSize: 2 })})`,
  )) as Record<string, Outcome>;
  expect(Object.keys(outcomes)).toHaveLength(5);
  for (const [client, { listed, states, refusal }] of Object.entries(outcomes)) {
    expect(listed, client).toEqual(["ada@example.com"]);
    expect(states, client).toEqual([expect.any(Number)]);
    expect(states[0], client).toBeGreaterThan(OrderState.UNSPECIFIED);
    expect(refusal, client).toMatch(/^Customer cus_0+ does not exist\.$/);
  }
}, 60_000);

test("a page of an origin that is not let in gets nothing", async () => {
  const page = await pageOf(origin.replace("127.0.0.1", "localhost"));
  const call = page.evaluate(`(${CALL})(${JSON.stringify({ gateway: mesh.url, orderId: "", pageSize: 2 })})`);
  await expect(call).rejects.toThrow(/Failed to fetch|NetworkError/);
});
