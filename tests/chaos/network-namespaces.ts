import { execFileSync } from "node:child_process";

/** Two machines with a cable between them, as far as their network goes. */
export interface Machines {
  /** The command under which a process runs on one of them. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  readonly nearHost: string;
  readonly farHost: string;
  /** Pulls the cable at the far end: nothing arrives any more, and nobody is told. */
  pull(): void;
  plug(): void;
  remove(): void;
}

/**
 * Addresses of 127.0.0.0/8, which the kernel is told to let over a cable: what comes from there needs no credentials, and what is
 * tested here is the network.
 */
const [NEAR_HOST, FAR_HOST] = ["127.77.0.1", "127.77.0.2"];

/**
 * @param name For the namespaces and the ends of the cable, at most 8 characters.
 * @throws Error that says what is missing: root, or a program.
 */
export const createMachines = (name: string): Machines => {
  requireNamespaces();
  const [near, far] = [`${name}-near`, `${name}-far`];
  const [nearEnd, farEnd] = [`${name}n`, `${name}f`];
  const remove = () => {
    for (const machine of [near, far]) {
      try {
        run("ip", "netns", "del", machine);
      } catch {
        // It was not made.
      }
    }
  };
  remove();
  try {
    for (const machine of [near, far]) run("ip", "netns", "add", machine);
    run("ip", "-n", near, "link", "add", nearEnd, "type", "veth", "peer", "name", farEnd, "netns", far);
    for (const [machine, end, host] of [
      [near, nearEnd, NEAR_HOST],
      [far, farEnd, FAR_HOST],
    ] as const) {
      run("ip", "-n", machine, "link", "set", "lo", "up");
      // Of 127.0.0.0/8 the machine itself keeps one address.
      run("ip", "-n", machine, "addr", "del", "127.0.0.1/8", "dev", "lo");
      run("ip", "-n", machine, "addr", "add", "127.0.0.1/32", "dev", "lo");
      run(...inMachine(machine), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
      run("ip", "-n", machine, "addr", "add", `${host}/24`, "dev", end);
      run("ip", "-n", machine, "link", "set", end, "up");
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    near: inMachine(near),
    far: inMachine(far),
    nearHost: NEAR_HOST,
    farHost: FAR_HOST,
    pull: () => run("ip", "-n", far, "link", "set", farEnd, "down"),
    plug: () => run("ip", "-n", far, "link", "set", farEnd, "up"),
    remove,
  };
};

const inMachine = (name: string): readonly [string, ...string[]] => ["ip", "netns", "exec", name];

const run = (...[tool, ...args]: readonly [string, ...string[]]): void => {
  execFileSync(tool, args, { stdio: ["ignore", "ignore", "pipe"] });
};

const requireNamespaces = (): void => {
  if (process.getuid?.() !== 0)
    throw new Error("network namespaces need root: run this file as root, or leave it to CI");
  try {
    run("ip", "netns", "list");
  } catch (cause) {
    throw new Error("missing for the network tests: ip (apt-get install iproute2)", { cause });
  }
};
