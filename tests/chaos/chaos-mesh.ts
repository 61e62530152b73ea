import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { systemRuntime } from "@heddle/mesh/runtime";
import { startMesh } from "../mesh.ts";
import type { ToInstance } from "./instance.ts";
import { startCalls } from "./start-calls.ts";
import { startProxy, type TcpProxy } from "./tcp-proxy.ts";

const INSTANCE = new URL("./instance.ts", import.meta.url).pathname;

/** One instance of several, and the way to it. */
export interface Victim {
  readonly proxy: TcpProxy;
  signal(signal: NodeJS.Signals): void;
  /** Its wall clock goes so many milliseconds wrong. */
  jump(byMs: number): void;
  /** It takes the write lock of the store, which it shares with the others, or leaves it. */
  lock(isHeld: boolean): Promise<void>;
}

/** A gateway, several instances of one service behind a proxy each, and a load that goes on. */
export const startChaosMesh = async (instances = 3) => {
  const mesh = await startMesh([]);
  const stops: (() => Promise<void>)[] = [() => mesh.stop()];
  const stop = async () => {
    for (const each of stops.toReversed()) await each();
  };
  const start = async (): Promise<Victim> => {
    const child: ChildProcess = spawn(process.execPath, ["--conditions=source", INSTANCE], {
      env: { ...process.env, HEDDLE_GATEWAY: mesh.url, HEDDLE_DATA: mesh.dataFolder },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const killed = () => void child.kill("SIGKILL");
    process.once("exit", killed);
    stops.push(async () => {
      process.off("exit", killed);
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await once(child, "exit");
    });
    const [{ address }] = (await once(child, "message")) as [{ address: string }];
    const proxy = await startProxy(address, systemRuntime());
    stops.push(() => proxy.close());
    const tell = (message: ToInstance) => void child.send(message);
    tell({ type: "register", address: proxy.address });
    await once(child, "message");
    return {
      proxy,
      signal: (signal) => void child.kill(signal),
      jump: (byMs) => tell({ type: "jump", byMs }),
      async lock(isHeld) {
        tell({ type: "lock", isHeld });
        await once(child, "message");
      },
    };
  };
  try {
    const victims: Victim[] = [];
    // One by one: the first migrates the data.
    for (let index = 0; index < instances; index++) victims.push(await start());
    const calls = await startCalls(mesh.url);
    stops.push(async () => calls.kill());
    return { victims, calls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
