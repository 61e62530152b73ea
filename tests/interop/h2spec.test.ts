import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { startEcho } from "../../mesh/rpc/fixtures/echo-server.ts";
import { servePlain } from "./serve-plain.ts";
import { requireTools, runToEnd } from "./tools.ts";

beforeAll(() => requireTools("h2spec"));

/** All cases of h2spec 2.2.1 with `--strict`. */
const CASES = 146;

test("every strict case of h2spec passes against the engine alone", async () => {
  const server = await servePlain(0);
  onTestFinished(() => server.close());
  expect(await h2spec(server.port)).toEqual({ cases: CASES, failed: [] });
}, 60_000);

test("every strict case of h2spec passes against a service, whose port speaks HTTP/1.1 as well", async () => {
  const { cases, failed } = await h2spec((await startEcho()).port);
  expect({ cases, failed: failed.filter((name) => !name.startsWith(ANSWERED_BY_HTTP1)) }).toEqual({
    cases: CASES,
    failed: [],
  });
}, 60_000);

/** What does not begin like HTTP/2 is HTTP/1.1 there, and is answered by its 400. */
const ANSWERED_BY_HTTP1 = "http2/3.5: Sends invalid connection preface";

/** Seconds that h2spec waits for a frame that must come. */
const WAIT_SECONDS = 2;

const h2spec = async (port: number): Promise<{ cases: number; failed: string[] }> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-h2spec-"));
  const report = join(folder, "report.xml");
  try {
    const args = ["--strict", "--port", String(port), "--timeout", String(WAIT_SECONDS), "--junit-report", report];
    await runToEnd("h2spec", args, { timeoutMs: 55_000 });
    const cases = [...readFileSync(report, "utf8").matchAll(CASE)];
    const failed = cases.flatMap(([, section, name, outcome = ""]) =>
      outcome.trim() === "" ? [] : [`${section}: ${name}: ${outcome.replace(/<[^>]+>/g, "").trim()}`],
    );
    return { cases: cases.length, failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** A case of the report: its section, its name, and what is inside it, which is nothing when it passed. */
const CASE = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;
