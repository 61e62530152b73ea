import { expect, test } from "vitest";
import { formatTable } from "./table.ts";

test("columns are as wide as their widest cell and lines end without spaces", () => {
  const lines = formatTable(
    [{ heading: "SERVICE" }, { heading: "PID", align: "right" }, { heading: "STATE" }],
    [
      ["customer", "7", "serving"],
      ["auth", "12345", ""],
    ],
  );
  expect(lines).toEqual(["SERVICE     PID  STATE", "customer      7  serving", "auth      12345"]);
});

test("colour codes take no room", () => {
  const [, first, second] = formatTable(
    [{ heading: "A" }, { heading: "B" }],
    [
      ["\u001b[32mok\u001b[39m", "x"],
      ["ok", "x"],
    ],
  );
  expect(first).toBe("\u001b[32mok\u001b[39m  x");
  expect(second).toBe("ok  x");
});
