import type { Session } from "../../wire/index.ts";
import { AcquireError, type ConnectionPool } from "./connection-pool.ts";

/** A pool that is one session, such as that to a server in the same process: opened with the first call, and not again. */
export const sessionPool = (connect: () => Session): ConnectionPool => {
  let session: Session | undefined;
  const acquireNow = (): Session | undefined => {
    session ??= connect();
    return session.freeStreams > 0 ? session : undefined;
  };
  return {
    acquireNow,
    acquire: () =>
      acquireNow() ?? Promise.reject(new AcquireError("unavailable", "the server in this process has stopped")),
    close: () => session?.drain(),
    destroy: () => session?.destroy(),
  };
};
