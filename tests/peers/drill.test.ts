import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { drill } from "../drill/drill.ts";
import { isGoInstalled } from "../drill/go-client.ts";
import { printReport, reportOf } from "../drill/report.ts";

const CALLS = 20_000;
const RESTARTS = 2;
const MINUTES_MAX = 10;

test("no caller of any make notices that every instance is restarted twice", {
  timeout: MINUTES_MAX * 60_000,
}, async () => {
  if (!(await isGoInstalled())) throw new Error("go is missing (apt-get install golang-go): see .ci/run");
  const folder = mkdtempSync(join(tmpdir(), "heddle-drill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clients = ["heddle", "grpc-js", "grpc-go"];
  const options = { calls: CALLS, restarts: RESTARTS, replicas: 2, clients, folder, progress: () => undefined };
  const report = reportOf(await drill(options));
  expect(report.problems, printReport(report)).toEqual([]);
  expect(report.calls).toBeGreaterThanOrEqual(CALLS);
  expect(report.streams.told).toBeGreaterThan(0);
});
