import process from "node:process";
import { systemClock } from "@heddle/mesh/runtime";
import { readSession, type Session, sessionFile, whileLocked } from "./session-file.ts";

/** Milliseconds that an access token must still be good for to be sent. */
const LEFT_MS_MIN = 30_000;

/**
 * The access token that a command sends: that of `--token` or HEDDLE_TOKEN, else that of `heddle login` at this gateway, renewed where
 * it is about to expire; undefined where there is none.
 */
export const accessToken = async (
  gateway: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> => {
  if (env.HEDDLE_TOKEN) return env.HEDDLE_TOKEN.trim();
  const file = sessionFile(env);
  const session = readSession(file, gateway);
  if (session === undefined || isFresh(session)) return session?.accessToken;
  return whileLocked(file, async () => {
    // Another command may have been faster.
    const latest = readSession(file, gateway);
    if (latest === undefined || isFresh(latest)) return latest?.accessToken;
    // What it takes is needed every ten minutes only.
    const { renewSession } = await import("./renew-session.ts");
    return renewSession(file, gateway, latest);
  });
};

const isFresh = ({ accessExpiresMs }: Session): boolean => accessExpiresMs - systemClock.nowMs() > LEFT_MS_MIN;
