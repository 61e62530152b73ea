import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = new URL("../", import.meta.url).pathname;
const withStore = readdirSync(`${ROOT}services`).filter((name) => existsSync(`${ROOT}services/${name}/migrations`));

/** A list that reads or sorts more than its page is slow once there is much to list. */
const isFlat = (step: string): boolean => !/^SCAN (?!json_each)|USE TEMP B-TREE/.test(step);

test.each(withStore)("every list of %s walks an index from where its page begins", async (service) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--conditions=source", "tests/query-plans/list-statements.ts", service],
    { cwd: ROOT },
  );
  const statements = JSON.parse(stdout) as { text: string; plan: string[] }[];
  // Those of the store itself, and at least one of the service.
  expect(statements.length).toBeGreaterThan(2);
  expect(statements.filter(({ plan }) => !plan.every(isFlat))).toEqual([]);
});
