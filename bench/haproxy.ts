import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Contestant, freePort, startProgram } from "./contestant.ts";

/** HAProxy with one thread, which gives each server (`host:port`, HTTP/2) its turn. `folder`: for its configuration. */
export const startHaproxy = async (folder: string, servers: readonly string[]): Promise<Contestant> => {
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend calls
  bind 127.0.0.1:${port} proto h2
  default_backend servers
backend servers
  balance roundrobin
${servers.map((server, index) => `  server server${index} ${server} proto h2`).join("\n")}
`,
  );
  return startProgram(["haproxy", "-db", "-q", "-f", file], port);
};
