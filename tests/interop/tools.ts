import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

/** Programs that the tests run beside, and how to get each. Versions are pinned in .ci/run. */
const INSTALL = {
  h2spec: "go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible",
  connectconformance: "go install connectrpc.com/conformance/cmd/connectconformance@v1.0.6",
  go: "apt-get install golang-go",
  "protoc-gen-go": "go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
  "protoc-gen-go-grpc": "go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0",
  nghttp: "apt-get install nghttp2-client",
  h2load: "apt-get install nghttp2-client",
  nghttpd: "apt-get install nghttp2-server",
  curl: "apt-get install curl",
  python3: "apt-get install python3 python3-venv",
  chromium: "apt-get install chromium",
  "/usr/bin/python3": "apt-get install python3-grpcio",
} as const;

export type Tool = keyof typeof INSTALL;

/** Throws unless every tool can be started; the message says how to install what is missing. */
export const requireTools = (...tools: readonly Tool[]): void => {
  const missing = tools.filter((tool) => !isInstalled(tool));
  if (missing.length === 0) return;
  const lines = missing.map((tool) => `  ${tool}: ${INSTALL[tool]}`);
  throw new Error(`missing for the interoperability tests (.ci/run installs all of it):\n${lines.join("\n")}`);
};

const isInstalled = (tool: Tool): boolean => {
  try {
    if (tool === "/usr/bin/python3") execFileSync(tool, ["-c", "import grpc"], { stdio: "ignore" });
    else execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** What a run of a tool left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a tool to its end, whatever its exit code. Rejects when it takes longer than `timeoutMs`. */
export const runToEnd = async (
  tool: string,
  args: readonly string[],
  { timeoutMs, cwd, env }: { timeoutMs: number; cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<Finished> => {
  const options = { timeout: timeoutMs, maxBuffer: 256 << 20, encoding: "utf8" as const, cwd, env };
  try {
    return { code: 0, ...(await promisify(execFile)(tool, args, options)) };
  } catch (error) {
    const { code, killed, stdout, stderr } = error as Finished & { killed?: boolean };
    if (typeof code === "number") return { code, stdout, stderr };
    throw new Error(`${tool} ${killed ? `took longer than ${timeoutMs} ms` : "did not run"}:\n${stdout}\n${stderr}`, {
      cause: error,
    });
  }
};
