import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@heddle/mesh/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { controlHandler, deploymentsAtStart } from "./control-handler.ts";
import type { ControlRequest } from "./control-messages.ts";
import { readDeployment, withRollout, writeDeployment } from "./deployment-file.ts";
import type { Fleet } from "./fleet.ts";

const RELEASE = "1.0.0+aaaaaaaaaaaa";
let folder: string;
/** What the fleet was asked for. */
let asked: string[];
/** What `replace` answers. */
let replaced: Promise<string | undefined>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-handler-"));
  asked = [];
  replaced = Promise.resolve(undefined);
});
afterEach(() => rmSync(folder, { recursive: true }));

const fleet: Fleet = {
  async scale(service, { count, release }) {
    asked.push(`${service}=${count}${release === undefined ? "" : ` of ${release}`}`);
  },
  replace(service, to) {
    asked.push(`${service} to ${to}`);
    return replaced;
  },
};

const handler = () => controlHandler({ fleet, clock: systemClock, services: ["gateway", "customer", "order"], folder });
const deploy: ControlRequest = {
  type: "deploy",
  kind: "deploy",
  service: "order",
  release: RELEASE,
  expected: null,
  timeoutMs: 1,
  watchMs: 1,
};
const ask = (request: ControlRequest) => handler()(request, () => undefined);

test("a deployment that went well is in force from then on, also for the next start", async () => {
  expect(await ask(deploy)).toEqual({ type: "done", outcome: "done" });
  expect(readDeployment(folder, "order")).toMatchObject({ release: RELEASE, rollouts: [{ outcome: "done" }] });
  const at = deploymentsAtStart(folder, ["order", "customer"], {}, systemClock);
  expect([at.get("order")?.release, at.get("customer")?.release]).toEqual([RELEASE, null]);
});

test("one that was taken back is told with its reason, and leaves what was in force", async () => {
  replaced = Promise.resolve("it died");
  expect(await ask(deploy)).toEqual({ type: "done", outcome: "rolled-back", reason: "it died" });
  expect(readDeployment(folder, "order")).toMatchObject({ release: null, rollouts: [{ outcome: "rolled-back" }] });
});

test("a release that was checked against another one than is in force by now is refused", async () => {
  await expect(ask({ ...deploy, expected: RELEASE })).rejects.toThrow("order runs the working tree by now");
  expect(asked).toEqual([]);
});

test("a service is changed by one command at a time, others meanwhile by others", async () => {
  const handle = handler();
  const first = Promise.withResolvers<string | undefined>();
  replaced = first.promise;
  const deployed = handle(deploy, () => undefined);
  const restart: ControlRequest = { type: "restart", service: "order", timeoutMs: 1 };
  await expect(handle(restart, () => undefined)).rejects.toThrow("order is under way already: heddle deploy");
  await handle({ type: "scale", counts: { customer: 2 }, timeoutMs: 1 }, () => undefined);
  first.resolve(undefined);
  await deployed;
  await handle(restart, () => undefined);
  expect(asked).toEqual([`order to ${RELEASE}`, "customer=2", `order to ${RELEASE}`]);
});

test("a scale is kept for the next start; a number that the start is given goes before it", async () => {
  await ask({ type: "scale", counts: { customer: 3 }, timeoutMs: 1 });
  expect(deploymentsAtStart(folder, ["customer"], {}, systemClock).get("customer")?.replicas).toBe(3);
  expect(deploymentsAtStart(folder, ["customer"], { customer: 2 }, systemClock).get("customer")?.replicas).toBe(2);
  expect(deploymentsAtStart(folder, ["customer"], {}, systemClock).get("customer")?.replicas).toBe(2);
});

test("what is deployed is what comes when a service is scaled, also from nothing", async () => {
  await ask({ type: "scale", counts: { order: 0 }, timeoutMs: 1 });
  await ask(deploy);
  await ask({ type: "scale", counts: { order: 1 }, timeoutMs: 1 });
  expect(asked).toEqual(["order=0", `order to ${RELEASE}`, `order=1 of ${RELEASE}`]);
});

test("a mesh has one gateway, and no service that it was not started with", async () => {
  await expect(ask({ type: "scale", counts: { gateway: 2 }, timeoutMs: 1 })).rejects.toThrow("one gateway");
  await expect(ask({ type: "restart", service: "billing", timeoutMs: 1 })).rejects.toThrow("runs no billing");
});

test("a rollout whose supervisor was killed has ended at the next start, and what was in force before is", () => {
  const begun = withRollout(readDeployment(folder, "order"), { kind: "deploy", release: RELEASE, startMs: 1 });
  writeDeployment(folder, begun);
  const after = deploymentsAtStart(folder, ["order"], {}, systemClock).get("order");
  expect(after).toMatchObject({ release: null, rollouts: [{ outcome: "interrupted" }] });
  expect(readDeployment(folder, "order")).toEqual(after);
});
