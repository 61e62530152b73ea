import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { EchoService } from "../rpc/fixtures/echo-contract.ts";
import { grpcTransport } from "../rpc/index.ts";
import { systemRuntime } from "../runtime/index.ts";
import { expectFailure } from "../testing/expect-failure.ts";

const MAIN = new URL("./fixtures/echo-main.ts", import.meta.url).pathname;
const LATE_MAIN = new URL("./fixtures/late-main.ts", import.meta.url).pathname;
const { timers } = systemRuntime();

interface Running {
  readonly child: ChildProcess;
  readonly client: Client<typeof EchoService>;
  /** What it sent to its supervisor. */
  readonly messages: Record<string, unknown>[];
  /** What it wrote to stdout, parsed. */
  log(): Record<string, unknown>[];
  stderr(): string;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts the echo service as a process. */
const start = (env: NodeJS.ProcessEnv = {}, main = MAIN): Running => {
  const dataFolder = mkdtempSync(join(tmpdir(), "heddle-run-"));
  const port = env.HEDDLE_PORT ?? "0";
  const child = spawn(process.execPath, ["--conditions=source", main], {
    env: { PATH: process.env.PATH, HEDDLE_DATA: dataFolder, HEDDLE_PORT: port, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output.stderr += chunk;
  });
  const messages: Record<string, unknown>[] = [];
  child.on("message", (message: Record<string, unknown>) => messages.push(message));
  // Not its close event: after a disconnect there is none.
  const closed = [child.stdout, child.stderr].map((stream) => stream && once(stream, "close"));
  const ended = Promise.all([once(child, "exit"), ...closed]).then(([[code]]) => code as number | null);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(dataFolder, { recursive: true, force: true });
  });
  const url = () => `http://${messages[0]?.address}`;
  return {
    child,
    get client() {
      return createClient(EchoService, grpcTransport(url(), systemRuntime()));
    },
    messages,
    log: () =>
      output.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line)),
    stderr: () => output.stderr,
    ended,
  };
};

const ready = async (env?: NodeJS.ProcessEnv): Promise<Running> => {
  const running = start(env);
  const outcome = await Promise.race([once(running.child, "message"), running.ended]);
  if (!Array.isArray(outcome)) throw new Error(`it ended with ${outcome}: ${running.stderr()}`);
  return running;
};

/** The messages of the log's lines. */
const saidBy = ({ log }: Running) => log().map(({ msg }) => msg);

test("a process that serves says so, in its log and to its supervisor", async () => {
  const running = await ready();
  expect(running.messages).toEqual([
    {
      type: "ready",
      service: "echo",
      version: "1.2.3",
      instanceId: expect.stringMatching(/^ins_/),
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      startMs: expect.any(Number),
    },
  ]);
  expect((await running.client.say({ text: "hi" })).text).toBe("hi");
  await expect.poll(() => saidBy(running)).toContain("ready");
  expect(running.log()[0]).toMatchObject({ level: "info", service: "echo", time: expect.stringMatching(/^2.*Z$/) });
});

describe("SIGTERM", () => {
  test("lets a running call finish, and the process exits with 0", async () => {
    const running = await ready();
    const call = running.client.say({ text: "wait300" });
    const stream = expectFailure(
      (async () => {
        for await (const { text } of running.client.repeat({ text: "on" })) expect(text).toBe("on");
      })(),
    );
    await timers.sleep(100);
    running.child.kill("SIGTERM");
    expect((await call).text).toBe("wait300");
    expect(await stream).toMatchObject({ code: "Unavailable", reason: "DRAINING" });
    expect(await running.ended).toBe(0);
    expect(saidBy(running)).toContain("stopped; every call was finished");
    expect(running.messages.at(-1)).toEqual({ type: "stopped", service: "echo", code: 0 });
  });

  test("refuses new connections while it drains", async () => {
    const running = await ready();
    const call = running.client.say({ text: "wait300" });
    await timers.sleep(50);
    running.child.kill("SIGTERM");
    await expect.poll(() => saidBy(running)).toContain("draining");
    expect(await expectFailure(running.client.say({}))).toMatchObject({ code: "Unavailable" });
    await call;
    expect(await running.ended).toBe(0);
  });

  test("cuts a call that takes longer than HEDDLE_DRAIN_MS, and the process exits with 1", async () => {
    const running = await ready({ HEDDLE_DRAIN_MS: "50" });
    const call = expectFailure(running.client.say({ text: "wait9999" }));
    await timers.sleep(100);
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(1);
    await call;
    expect(running.log()).toContainEqual(expect.objectContaining({ level: "warn", calls: 1, drainMs: 50 }));
  });

  test("a second time ends the process at once", async () => {
    const running = await ready();
    const call = expectFailure(running.client.say({ text: "wait9999" }));
    await timers.sleep(100);
    running.child.kill("SIGINT");
    await expect.poll(() => saidBy(running)).toContain("draining");
    expect(running.child.exitCode).toBeNull();
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(1);
    await call;
    expect(saidBy(running)).toContain("ended at once");
  });
});

describe("a supervisor that goes without a word", () => {
  test("takes the process with it, after a drain", async () => {
    const running = await ready();
    const call = running.client.say({ text: "wait200" });
    await timers.sleep(50);
    running.child.disconnect();
    expect((await call).text).toBe("wait200");
    expect(await running.ended).toBe(0);
  });

  test("before it was loaded ends at once, and serves nobody", async () => {
    const running = start({}, LATE_MAIN);
    running.child.disconnect();
    expect(await running.ended).toBe(1);
    expect(saidBy(running)).toEqual(["ended at once"]);
  });

  test("does not cut a drain that has begun", async () => {
    const running = await ready();
    const call = running.client.say({ text: "wait300" });
    await timers.sleep(50);
    running.child.kill("SIGTERM");
    await expect.poll(() => saidBy(running)).toContain("draining");
    running.child.disconnect();
    expect((await call).text).toBe("wait300");
    expect(await running.ended).toBe(0);
  });
});

describe("a process that cannot start", () => {
  test("in a wrong environment lists every problem and exits with 2", async () => {
    const running = start({ HEDDLE_PORT: "eighty", HEDDLE_HOST: "0.0.0.0:80", ECHO_TIMES: "often" });
    expect(await running.ended).toBe(2);
    for (const name of ["HEDDLE_PORT", "HEDDLE_HOST", "ECHO_TIMES"]) expect(running.stderr()).toContain(`${name}: `);
    expect(running.log()).toEqual([]);
  });

  test("because variables do not fit each other exits with 2 as well", async () => {
    const running = start({ ECHO_TIMES: "13" });
    expect(await running.ended).toBe(2);
    expect(running.stderr()).toContain("ECHO_TIMES: 13 times bring bad luck");
  });

  test("because its port is taken says which, what to do, and exits with 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const running = start({ HEDDLE_PORT: String(port) });
    expect(await running.ended).toBe(1);
    other.close();
    expect(running.log().at(-1)).toMatchObject({
      level: "fatal",
      msg: expect.stringMatching(new RegExp(`^port ${port} is taken: .*HEDDLE_PORT`)),
    });
  });
});

describe("a crash", () => {
  test.each([
    ["crash", "crashed", "the loom is on fire"],
    ["reject", "crashed: a promise was rejected and nobody looked", "the loom is under water"],
  ])("by %s is logged with its cause, and the process exits with 1", async (text, msg, cause) => {
    const running = await ready();
    await running.client.say({ text }).catch(() => undefined);
    expect(await running.ended).toBe(1);
    expect(running.log().at(-1)).toMatchObject({
      level: "fatal",
      msg,
      err: { message: cause, stack: expect.stringContaining("echo-definition.ts") },
    });
  });
});
