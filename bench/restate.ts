import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Contestant, freePort, startProgram } from "./contestant.ts";

const HOME = new URL("./peers/restate-server/", import.meta.url).pathname;
export const RESTATE_SERVER = join(
  HOME,
  `node_modules/@restatedev/restate-server-linux-${process.arch}/bin/restate-server`,
);

/** What is missing to run Restate here, with the next step; undefined when nothing is. */
export const restateMissing = (): string | undefined =>
  existsSync(RESTATE_SERVER) ? undefined : "its server is not installed: npm ci --prefix bench/peers/restate-server";

export interface Restate extends Contestant {
  /** Makes the services at `host:port` known. */
  register(address: string): Promise<void>;
}

/** Starts a Restate server with an empty store; its address is that of its ingress. All but ports and log is its default. */
export const startRestate = async (): Promise<Restate> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-restate-"));
  const ingress = await freePort();
  const admin = await freePort(ingress + 1);
  const node = await freePort(admin + 1);
  const env = {
    RESTATE_BASE_DIR: folder,
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_IP: "127.0.0.1",
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    RESTATE_LOG_FILTER: "warn,octocrab=off",
    RESTATE_DISABLE_TELEMETRY: "true",
  };
  const server = await startProgram([RESTATE_SERVER, "--no-logo"], ingress, { env });
  return {
    ...server,
    async register(address) {
      // The admin's port opens before it can serve.
      for (let attempt = 1; ; attempt++) {
        const reply = await fetch(`http://127.0.0.1:${admin}/deployments`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ uri: `http://${address}` }),
        }).catch((error: Error) => error);
        if (reply instanceof Response && reply.ok) return;
        const said = reply instanceof Response ? `${reply.status} ${await reply.text()}` : String(reply);
        if (attempt === ATTEMPTS_MAX) throw new Error(`Restate does not take the service at ${address}: ${said}`);
        await sleep(100);
      }
    },
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Ten seconds of them. */
const ATTEMPTS_MAX = 100;
