import { expect, test } from "vitest";
import { ROOT, runToolQuietly } from "../../../tools/run-tool.ts";
import { CATEGORIES, contractRules } from "./index.ts";

test.each(CATEGORIES)("the rules of %s are those that buf has", (category) => {
  const { stdout } = runToolQuietly("buf", ["config", "ls-breaking-rules", "--version=v2", "--format=json"], ROOT);
  const rules = stdout
    .trim()
    .split("\n")
    .map((line): { id: string; categories: string[] } => JSON.parse(line))
    .filter(({ categories }) => categories.includes(category))
    .map(({ id }) => id);
  expect([...contractRules(category)].sort()).toEqual(rules.sort());
});
