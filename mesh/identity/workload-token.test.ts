import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { fakeTime } from "../testing/index.ts";
import { isProblem } from "./problem.ts";
import { signWorkloadToken, verifyWorkloadToken, workloadFields } from "./workload-token.ts";

const KEY = Buffer.from("k".repeat(43));
const NOW_MS = Date.UTC(2026, 0, 31);
const order = { service: "order", instanceId: "ins_1" };
const token = signWorkloadToken(order, KEY, NOW_MS + 300_000);

const whyNot = (text: string, nowMs = NOW_MS, key: Uint8Array = KEY) => {
  const judged = verifyWorkloadToken(text, key, nowMs);
  return isProblem(judged) && judged.problem === "invalid" ? judged.why : judged;
};

test("a token names the service and the instance that made it", () => {
  expect(verifyWorkloadToken(token, KEY, NOW_MS)).toMatchObject(order);
});

test("its form is that of the documentation, so that other languages can make it", () => {
  const said = `h1.order.ins_1.${NOW_MS / 1000 + 300}`;
  expect(token).toBe(`${said}.${createHmac("sha256", KEY).update(said).digest("base64url")}`);
});

test.each([
  ["of another service", token.replace(".order.", ".billing."), "not made with this mesh's identity key"],
  ["of another instance", token.replace("ins_1", "ins_2"), "not made with this mesh's identity key"],
  ["with a later expiry", token.replace(/\.(\d+)\./, (_, at) => `.${Number(at) + 60}.`), "not made with"],
  ["with a dot in the name", signWorkloadToken({ ...order, service: "order.ins_1" }, KEY, NOW_MS), "cannot be read"],
  ["of another form", token.replace("h1.", "h2."), "cannot be read"],
  ["cut short", token.slice(0, -1), "cannot be read"],
  ["that is long", `${token}${"A".repeat(256)}`, "cannot be read"],
  ["without anything", "", "cannot be read"],
  ["good for a day", signWorkloadToken(order, KEY, NOW_MS + 86_400_000), "more than an hour"],
])("a token %s is refused", (_, text, why) => {
  expect(whyNot(text)).toContain(why);
});

test("a token of another mesh is refused", () => {
  expect(whyNot(token, NOW_MS, Buffer.from("o".repeat(43)))).toContain("not made with");
});

test("a token is refused half a minute after it has expired", () => {
  expect(verifyWorkloadToken(token, KEY, NOW_MS + 329_999)).toMatchObject(order);
  expect(whyNot(token, NOW_MS + 330_000)).toContain("has expired");
});

test("the header stays the same for two minutes, and is always good for some more", async () => {
  const { clock, advance } = fakeTime(NOW_MS);
  const fields = workloadFields(order, KEY, clock);
  const first = fields();
  expect(fields()).toBe(first);
  await advance(119_999);
  expect(fields()).toBe(first);
  await advance(1);
  const second = fields();
  expect(second).not.toBe(first);
  expect(second[0]).toBe("heddle-identity");
  expect(verifyWorkloadToken(first[1] ?? "", KEY, clock.nowMs())).toMatchObject(order);
});
