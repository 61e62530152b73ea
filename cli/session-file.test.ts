import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSession, type Session, sessionFile, whileLocked, writeSession } from "./session-file.ts";

const GATEWAY = "http://127.0.0.1:8080";
const session: Session = { email: "ada@example.com", accessToken: "a", accessExpiresMs: 1, refreshToken: "r" };

const emptyFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-sessions-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return sessionFile({ XDG_CONFIG_HOME: folder });
};

test("each gateway has a session of its own, which nobody else can read", () => {
  const file = emptyFile();
  expect(readSession(file, GATEWAY)).toBeUndefined();
  writeSession(file, GATEWAY, session);
  writeSession(file, "http://elsewhere", { ...session, email: "bob@example.com" });
  expect(readSession(file, GATEWAY)).toEqual(session);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  writeSession(file, GATEWAY, undefined);
  expect([readSession(file, GATEWAY), readSession(file, "http://elsewhere")?.email]).toEqual([
    undefined,
    "bob@example.com",
  ]);
});

test("a file that anybody could read is no longer after the next session", () => {
  const file = emptyFile();
  writeSession(file, GATEWAY, session);
  writeFileSync(file, "{}", { mode: 0o644 });
  writeSession(file, GATEWAY, session);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a file that cannot be understood holds no session, and is written anew", () => {
  const file = emptyFile();
  writeSession(file, GATEWAY, session);
  for (const text of ["", "{", "null", "7"]) {
    writeFileSync(file, text);
    expect(readSession(file, GATEWAY)).toBeUndefined();
    writeSession(file, GATEWAY, session);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ [GATEWAY]: session });
  }
});

test("one at a time renews a session", async () => {
  const file = emptyFile();
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all([whileLocked(file, work), whileLocked(file, work), whileLocked(file, work)]);
  expect(most).toBe(1);
  await expect(whileLocked(file, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await whileLocked(file, work);
});
