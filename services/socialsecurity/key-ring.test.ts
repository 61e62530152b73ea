import { inspect } from "node:util";
import { describeConfig, parseConfig } from "@heddle/mesh/service";
import { expect, test } from "vitest";
import { KEY_VARIABLES, keyRingOf } from "./key-ring.ts";

const base64 = (byte: number, bytes = 32) => Buffer.alloc(bytes, byte).toString("base64");
const ringOf = (env: NodeJS.ProcessEnv) => keyRingOf(parseConfig(env, KEY_VARIABLES));

test("no key at all is no ring", () => {
  expect(ringOf({})).toBeUndefined();
  expect(ringOf({ HEDDLE_SSN_WRAPPING_KEY: "" })).toBeUndefined();
});

test("keys are read from base64, with and without padding", () => {
  const ring = ringOf({ HEDDLE_SSN_WRAPPING_KEY: base64(1), HEDDLE_SSN_INDEX_KEY: base64(2).replace("=", "") });
  expect(ring?.wrapping.id).toMatch(/^[0-9a-f]{32}$/);
  expect(ring?.index.id).not.toBe(ring?.wrapping.id);
});

test.each([
  [base64(1, 16), "HEDDLE_SSN_INDEX_KEY: holds 16 bytes, not 32"],
  [base64(1, 33), "HEDDLE_SSN_INDEX_KEY: holds 33 bytes, not 32"],
  ["not-a-key-at-all!", "HEDDLE_SSN_INDEX_KEY: is not base64"],
  [`${base64(1)}x`, "HEDDLE_SSN_INDEX_KEY: is not base64"],
])("the key %s is refused by name and with the next step, and is not shown", (text, problem) => {
  const read = () => ringOf({ HEDDLE_SSN_WRAPPING_KEY: base64(9), HEDDLE_SSN_INDEX_KEY: text });
  expect(read).toThrow(problem);
  expect(read).toThrow("openssl rand -base64 32");
  expect(read).not.toThrow(text);
});

test.each([
  [{ HEDDLE_SSN_WRAPPING_KEY: base64(1) }, "HEDDLE_SSN_INDEX_KEY: is required"],
  [{ HEDDLE_SSN_INDEX_KEY: base64(1) }, "HEDDLE_SSN_WRAPPING_KEY: is required"],
  [{ HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: base64(1) }, "HEDDLE_SSN_WRAPPING_KEY: is required"],
])("a key without the others is refused: %o", (env, problem) => {
  expect(() => ringOf(env)).toThrow(problem);
});

test.each([
  [1, 2, 1, "HEDDLE_SSN_INDEX_KEY: is the same key as HEDDLE_SSN_WRAPPING_KEY;"],
  [1, 1, 2, "HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: is the same key as HEDDLE_SSN_WRAPPING_KEY;"],
  [1, 2, 2, "HEDDLE_SSN_INDEX_KEY: is the same key as HEDDLE_SSN_WRAPPING_KEY_PREVIOUS;"],
])("the same key twice is refused (%i, %i, %i)", (wrapping, previous, index, problem) => {
  const env = {
    HEDDLE_SSN_WRAPPING_KEY: base64(wrapping),
    HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: base64(previous),
    HEDDLE_SSN_INDEX_KEY: base64(index),
  };
  expect(() => ringOf(env)).toThrow(problem);
});

test("no way of printing shows a key", () => {
  const env = {
    HEDDLE_SSN_WRAPPING_KEY: base64(1),
    HEDDLE_SSN_WRAPPING_KEY_PREVIOUS: base64(3),
    HEDDLE_SSN_INDEX_KEY: base64(2),
  };
  const ring = ringOf(env);
  const rows = describeConfig([{ name: "socialsecurity", config: KEY_VARIABLES }], env);
  const printed = [inspect(ring, { depth: 9 }), JSON.stringify(ring), `${ring?.wrapping}`, JSON.stringify(rows)].join();
  for (const key of Object.values(env)) expect(printed).not.toContain(key);
  expect(rows.filter(({ name }) => name.startsWith("HEDDLE_SSN")).map(({ value }) => value)).toEqual([
    "***",
    "***",
    "***",
  ]);
});
