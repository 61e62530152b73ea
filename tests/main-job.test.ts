import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { heddleUp } from "./heddle-up.ts";

const run = promisify(execFile);
const LENDING = new URL("../examples/lending.sh", import.meta.url).pathname;

describe.each([
  ["as processes", []],
  ["as one process", ["--single-process"]],
])("the main job on real input, %s", (_, args) => {
  test("200 people go through it, the books balance, and a second run changes nothing", {
    timeout: 180_000,
  }, async () => {
    const up = await heddleUp(...args);
    try {
      const env = { ...process.env, HEDDLE_URL: up.url };
      const first = JSON.parse((await run("bash", [LENDING, "--json", "--run", "test"], { env })).stdout);
      expect(first).toMatchObject({ people: 200, problems: [] });
      expect(
        Object.values<{ difference: string }>(first.trialBalance).map(({ difference }) => Number(difference)),
      ).toEqual(Object.keys(first.trialBalance).map(() => 0));
      expect(first.orders.fulfilled).toBeGreaterThan(0);
      const second = JSON.parse((await run("bash", [LENDING, "--json", "--run", "test"], { env })).stdout);
      // Scores follow what happened in the first run, shortly after.
      const lasting = ({ scores: _, overview: { score: __, ...overview }, ...report }: typeof first) => ({
        ...report,
        overview,
      });
      expect(lasting(second)).toEqual(lasting(first));
    } finally {
      await up.stop();
    }
  });
});
