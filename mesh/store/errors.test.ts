import { Code } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { callErrorFrom, isSqliteError } from "./errors.ts";

test.for([
  ["SQLITE_BUSY", Code.Unavailable],
  ["SQLITE_BUSY_SNAPSHOT", Code.Unavailable],
  ["SQLITE_FULL", Code.ResourceExhausted],
] as const)("%s reaches the caller with a code of its own, and keeps its cause for the log", ([code, expected]) => {
  const cause = new Database.SqliteError("no", code);
  expect(callErrorFrom(cause, "notes")).toMatchObject({ code: expected, cause });
});

test("other errors pass unchanged", () => {
  const corrupt = new Database.SqliteError("no", "SQLITE_CORRUPT");
  expect(callErrorFrom(corrupt, "notes")).toBe(corrupt);
});

test("an extended code counts as its primary one, a longer word does not", () => {
  expect(isSqliteError(new Database.SqliteError("no", "SQLITE_IOERR_FSYNC"), "SQLITE_IOERR")).toBe(true);
  expect(isSqliteError(new Database.SqliteError("no", "SQLITE_FULLER"), "SQLITE_FULL")).toBe(false);
});
