import { rounded } from "./rounds.ts";

/** One measured figure, ours and the peers', as `results.json` keeps it but for the ratio. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  readonly unit: string;
  readonly peers: Readonly<Record<string, number>>;
  /** Peers that this machine cannot run, and what is missing. */
  readonly notMeasured?: Readonly<Record<string, string>>;
}

/** Ours for one of a peer's; undefined where that is 0: nothing is so many times nothing. */
export const ratioOf = (ours: number, peer: number): number | undefined => (peer === 0 ? undefined : ours / peer);

export interface RunOptions {
  /** Rounds in which every contestant is measured once; the median counts. */
  readonly runs: number;
  /** About how long each measurement takes. */
  readonly seconds: number;
  /** Rows of the largest table of `growth`. */
  readonly rows: number;
  readonly progress: (line: string) => void;
}

/** Something that is measured. */
export interface Workload {
  readonly name: string;
  /** Programs that must be on the machine. */
  readonly tools: readonly Tool[];
  run(options: RunOptions): Promise<Row[]>;
}

/** A program, and the Debian package that has it. */
export interface Tool {
  readonly command: string;
  readonly debianPackage: string;
}

const tool = (command: string, debianPackage: string): Tool => ({ command, debianPackage });
export const H2LOAD = tool("h2load", "nghttp2-client");
export const NGHTTPD = tool("nghttpd", "nghttp2-server");
export const NGINX = tool("nginx", "nginx");
export const HAPROXY = tool("haproxy", "haproxy");
export const GCC = tool("gcc", "gcc");
export const TASKSET = tool("taskset", "util-linux");

/** A row of one figure of the contestants' results. */
export const rowOf = <N extends string, F extends string>(
  name: string,
  { figure, unit, ours }: { figure: F; unit: string; ours: N },
  results: Readonly<Record<N, Readonly<Record<F, number>>>>,
): Row => {
  const peers = (Object.keys(results) as N[]).filter((contestant) => contestant !== ours);
  return {
    name,
    ours: rounded(results[ours][figure]),
    unit,
    peers: Object.fromEntries(peers.map((peer) => [peer, rounded(results[peer][figure])])),
  };
};
