import { Command } from "commander";
import { expect, test } from "vitest";
import { gatewayUrl, linesOption, timeoutOption } from "./mesh-options.ts";

const optionsOf = (...args: string[]) =>
  new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addOption(timeoutOption("how long", 60_000))
    .addOption(linesOption())
    .parse(args, { from: "user" })
    .opts();

const parse = (...args: string[]): unknown => optionsOf(...args).timeout;

test("a timeout is milliseconds, and seconds where no unit is written", () => {
  expect([parse(), parse("--timeout", "2"), parse("--timeout=500ms"), parse("--timeout", "2m")]).toEqual([
    60_000, 2_000, 500, 120_000,
  ]);
});

test("a timeout that is none is refused, because a comparison with it would never be true", () => {
  expect(() => parse("--timeout", "soon")).toThrow("Write it like 30s");
});

test("lines are a whole number within what somebody reads", () => {
  expect([optionsOf().lines, optionsOf("-n", "10000").lines]).toEqual([50, 10_000]);
  for (const text of ["0", "10001", "-1", "1.5", "all"]) {
    expect(() => optionsOf(`--lines=${text}`), text).toThrow("Write a number from 1 to 10000");
  }
});

test("the gateway is the option, else that of the mesh that runs, else the environment, else port 8080", () => {
  const running = { gateway: "http://127.0.0.1:1" };
  const env = { HEDDLE_PORT: "2" };
  expect(gatewayUrl("http://127.0.0.1:3", running, env)).toBe("http://127.0.0.1:3");
  expect(gatewayUrl(undefined, running, env)).toBe("http://127.0.0.1:1");
  expect(gatewayUrl(undefined, undefined, env)).toBe("http://127.0.0.1:2");
  expect(gatewayUrl(undefined, undefined, {})).toBe("http://127.0.0.1:8080");
});
