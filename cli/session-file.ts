import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { systemClock, systemTimers } from "@heddle/mesh/runtime";

/** Somebody who has signed in at one gateway. */
export interface Session {
  readonly email: string;
  readonly accessToken: string;
  /** Milliseconds since the epoch. */
  readonly accessExpiresMs: number;
  /** Good once. */
  readonly refreshToken: string;
}

/** Milliseconds that a command waits for another one that renews a session, and after which that one is taken for dead. */
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 50;

/**
 * The file with the sessions of this person, one per gateway: `$XDG_CONFIG_HOME/heddle/sessions.json`. A session belongs to a person
 * and not to a data folder, which others may read.
 */
export const sessionFile = (env: NodeJS.ProcessEnv = process.env): string =>
  join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "heddle", "sessions.json");

/** The session at a gateway, by its origin. */
export const readSession = (file: string, gateway: string): Session | undefined => readAll(file)[gateway];

/** Keeps a session, or forgets it where there is none; nobody else can read the file. */
export const writeSession = (file: string, gateway: string, session: Session | undefined): void => {
  const { [gateway]: _, ...others } = readAll(file);
  const all = session === undefined ? others : { ...others, [gateway]: session };
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(all, undefined, 2)}\n`, { mode: 0o600 });
  // A file that was there before may have had another mode.
  chmodSync(next, 0o600);
  renameSync(next, file);
};

/** Runs `work` while no other command does: a refresh token that is used twice ends its session. */
export const whileLocked = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  const lock = `${file}.lock`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const deadlineMs = systemClock.monotonicMs() + LOCK_WAIT_MS;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (systemClock.monotonicMs() > deadlineMs) rmSync(lock, { recursive: true, force: true });
      else await systemTimers.sleep(LOCK_POLL_MS);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
};

const readAll = (file: string): Record<string, Session> => {
  try {
    const all: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof all === "object" && all !== null ? (all as Record<string, Session>) : {};
  } catch (error) {
    // One that cannot be read has nothing to tell: signing in writes it anew.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
};
