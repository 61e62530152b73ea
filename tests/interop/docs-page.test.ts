import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startMesh, type TestMesh } from "../mesh.ts";
import { requireTools } from "./tools.ts";

// The API page in a real browser: it runs under its own policy, and calls the mesh that it tells of.

let mesh: TestMesh;
let browser: Browser;

beforeAll(async () => {
  requireTools("chromium");
  [mesh, browser] = await Promise.all([
    startMesh(["customer"]),
    // Tests run as root in CI, where Chromium's sandbox cannot be.
    chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] }),
  ]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await mesh?.stop();
});

/** A page of the docs, and all that its console and its network said was wrong. */
const open = async (path: string): Promise<{ page: Page; problems: string[] }> => {
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  onTestFinished(() => page.close());
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(mesh.url) && !url.startsWith("data:")) problems.push(`${url} is not of the gateway`);
  });
  await page.goto(`${mesh.url}${path}`);
  await page.locator(".opblock").first().waitFor();
  return { page, problems };
};

test("the page of all packages lists their operations, and loads nothing from elsewhere", async () => {
  const { page, problems } = await open("/docs");
  const paths = await page
    .locator(".opblock-summary-path")
    .evaluateAll((all) => all.map((one) => one.textContent ?? ""));
  const plain = paths.map((path) => path.replaceAll("\u200b", ""));
  expect(plain).toEqual(
    expect.arrayContaining(["/v1/customers", "/v1/customers/{customer_id}", "/heddle/v1/services"]),
  );
  expect(problems).toEqual([]);
});

test("the links lead to the page of one package", async () => {
  const { page, problems } = await open("/docs");
  await page.getByRole("link", { name: "customer.v1", exact: true }).click();
  await page.waitForURL("**/docs/customer.v1");
  await page.locator(".opblock").first().waitFor();
  expect(await page.locator(".opblock-tag").count()).toBe(1);
  expect(problems).toEqual([]);
});

test("an operation that is tried out gets the mesh's answer", async () => {
  const { page, problems } = await open("/docs/customer.v1");
  const operation = page.locator('.opblock-post:has([data-path="/v1/customers"])');
  await operation.locator(".opblock-summary").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  const response = operation.locator(".live-responses-table tr.response").first();
  await response.waitFor();
  expect(await response.locator(".response-col_status").innerText()).toContain("200");
  expect(await response.innerText()).toContain("cus_");
  expect(problems).toEqual([]);
});
