import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { requireTools, runToEnd } from "./tools.ts";

beforeAll(() => requireTools("connectconformance", "go"));

const FOLDER = join(import.meta.dirname, "conformance");

test("a server of ours answers gRPC, gRPC-Web and Connect as connectconformance wants it", async () => {
  const { cases, failed } = await conformance("server", ["--parallel", "16"]);
  expect(failed).toEqual([]);
  expect(cases).toBeGreaterThan(3_500);
}, 150_000);

test("the gateway answers gRPC, gRPC-Web and Connect for an instance that it calls by gRPC", async () => {
  const flaky = ["--known-flaky", `@${join(FOLDER, "gateway-known-flaky.txt")}`];
  const { cases, failed } = await conformance("gateway", ["--parallel", "4", ...flaky]);
  expect(failed).toEqual([]);
  expect(cases).toBeGreaterThan(1_700);
}, 150_000);

test("our client calls by gRPC as connectconformance wants it", async () => {
  const { cases, failed } = await conformance("client", []);
  expect(failed).toEqual([]);
  expect(cases).toBeGreaterThan(600);
}, 60_000);

/** Runs the suite against `conformance/{mode}.ts`, with the features of `{mode}.yaml`. */
const conformance = async (
  mode: "server" | "client" | "gateway",
  options: readonly string[],
): Promise<{ cases: number; failed: string[] }> => {
  const args = [
    ...["--mode", mode === "client" ? "client" : "server", "--conf", join(FOLDER, `${mode}.yaml`)],
    ...["--known-failing", `@${join(FOLDER, `${mode}-known-failing.txt`)}`],
    ...options,
    ...["--", process.execPath, "--conditions=source", join(FOLDER, `${mode}.ts`)],
  ];
  const { code, stdout, stderr } = await runToEnd("connectconformance", args, { timeoutMs: 140_000 });
  const output = stdout + stderr;
  const failed = [...output.matchAll(/^FAILED: (.*):\n((?:\t.*\n)*)/gm)].map(
    ([, name, why]) => `${name}: ${why?.trim()}`,
  );
  const cases = Number(/^Total cases: (\d+)$/m.exec(output)?.[1] ?? 0);
  // Whatever else was wrong, for instance a case that was known to fail and passed.
  if (code !== 0 && failed.length === 0) failed.push(output);
  return {
    cases,
    failed: failed.length <= NAMED_MAX ? failed : [...failed.slice(0, NAMED_MAX), `and ${failed.length} in all`],
  };
};

/** Failed cases that are worth reading at once. */
const NAMED_MAX = 30;
