import { expect, test } from "vitest";
import { createLog } from "../../observe/index.ts";
import { createBalancer } from "./balance.ts";
import { endpoint, seededDeps } from "./fixtures/simulate-calls.ts";
import { logChanges } from "./log-changes.ts";

test("an ejection and its end are told in the log, once each", () => {
  const { clock, below } = seededDeps(1);
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    service: "test",
    level: "info",
    clock,
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const balancer = createBalancer({ clock, random: below, changed: logChanges(log) });
  balancer.update([endpoint("a"), endpoint("b")]);
  const a = balancer.among(({ instanceId }) => instanceId === "a").pick() ?? expect.fail("a is not picked");
  for (let count = 0; count < 8; count++) {
    a.begin();
    a.end("failed");
  }
  clock.advance(33_000);
  const probe = balancer.pick();
  probe?.begin();
  probe?.end("ok");
  const who = { serviceName: "loom", instanceId: "a", address: "a:1" };
  expect(lines).toMatchObject([
    { level: "warn", msg: "instance gets no calls for a while", why: "5 failures in a row", ...who },
    { level: "info", msg: "instance gets calls again", ...who },
  ]);
  expect(lines[0]?.forMs).toBeGreaterThanOrEqual(30_000);
});
