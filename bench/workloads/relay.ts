import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Contestant,
  freePort,
  OTHER_CORE,
  type SpawnOptions,
  startPeer,
  startProgram,
  startService,
} from "../contestant.ts";
import { CANNED_CUSTOMER_ID, checkAnswer, GET_CUSTOMER_PATH, requestFor } from "../customer-mesh.ts";
import { startHaproxy } from "../haproxy.ts";
import { calibrate, type LoadResult, runLoad } from "../load.ts";
import { inRounds } from "../rounds.ts";
import { H2LOAD, HAPROXY, NGINX, rowOf, TASKSET, type Workload } from "../row.ts";

/** A gRPC call through a proxy to a server that only repeats a reply: what the proxy itself costs. */
export const relay: Workload = {
  name: "relay",
  tools: [H2LOAD, HAPROXY, NGINX, TASKSET],
  async run({ runs, seconds, progress }) {
    const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
    const running: Contestant[] = [];
    const start = async (starting: Promise<Contestant>) => {
      const started = await starting;
      running.push(started);
      return started;
    };
    try {
      const gateway = await start(startGateway(folder));
      const backend = await start(startPeer("canned", [gateway.address], { core: OTHER_CORE }));
      const proxies = {
        heddle: gateway,
        nginx: await start(startNginx(folder, backend.address)),
        haproxy: await start(startHaproxy(folder, [backend.address])),
      };
      const bodyFile = join(folder, "request.bin");
      writeFileSync(bodyFile, requestFor(CANNED_CUSTOMER_ID));
      const contestants: Record<string, () => LoadResult> = {};
      for (const [name, { address, pid }] of Object.entries(proxies)) {
        const replyBytes = await checkAnswer(address, CANNED_CUSTOMER_ID);
        const load = { url: `http://${address}${GET_CUSTOMER_PATH}`, bodyFile, replyBytes, pids: [pid] };
        const requests = calibrate(load, seconds);
        contestants[name] = () => runLoad(load, requests);
      }
      const results = await inRounds(contestants as Record<keyof typeof proxies, () => LoadResult>, { runs, progress });
      const row = (name: string, figure: keyof LoadResult, unit: string) =>
        rowOf(name, { figure, unit, ours: "heddle" }, results);
      return [
        row("relay", "requestsPerSecond", "requests/s"),
        row("relay-cpu", "cpuMicrosPerRequest", "us CPU/request"),
        row("relay-p50", "p50", "us"),
        row("relay-p99", "p99", "us"),
        row("relay-memory", "megabytes", "MB"),
      ];
    } finally {
      for (const contestant of running.toReversed()) await contestant.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** A gateway alone; instances register with it. */
export const startGateway = async (folder: string, options: SpawnOptions = {}): Promise<Contestant> => {
  const env = { ...options.env, HEDDLE_DATA: folder, HEDDLE_PORT: String(await freePort()) };
  return startService("gateway", { ...options, env });
};

/**
 * nginx as one process. It opens a connection to the backend for each request in flight, and keeps them; neither side's may end
 * after a thousand requests, as they would by default.
 */
const startNginx = async (folder: string, backend: string): Promise<Contestant> => {
  const port = await freePort();
  const file = join(folder, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/nginx-${name};`,
  );
  writeFileSync(
    file,
    `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  keepalive_requests 1000000000;
  upstream backend {
    server ${backend};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} http2;
    location / { grpc_pass grpc://backend; }
  }
}
`,
  );
  return startProgram(["nginx", "-e", "stderr", "-p", folder, "-c", file], port);
};
