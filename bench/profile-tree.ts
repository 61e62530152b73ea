import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** A function, called by a certain path of callers, with what the profile has counted in it: microseconds or bytes. */
export interface CallNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly amount: number;
  readonly callees: readonly CallNode[];
}

/** Amounts by name, largest first. */
export type Amounts = readonly (readonly [string, number])[];

export interface Sums {
  /** What was counted in all. */
  readonly all: number;
  /** What was counted in functions and files themselves, without what they called … */
  readonly self: Amounts;
  readonly selfByFile: Amounts;
  /** … and in functions with all that they called. */
  readonly total: Amounts;
}

/** Adds up a tree of calls by function and by file. */
export const sumCalls = (root: CallNode): Sums => {
  const self = new Map<string, number>();
  const selfByFile = new Map<string, number>();
  const total = new Map<string, number>();

  /** Returns the amount of a node and all below it. `callers` are the functions on the way to it: recursion counts once. */
  const visit = (node: CallNode, callers: ReadonlySet<string>): number => {
    const { callFrame, amount, callees } = node;
    if (callFrame.functionName === "(idle)") return 0;
    const name = nameOf(node);
    add(self, name, amount);
    add(selfByFile, shortPath(callFrame.url) || NATIVE, amount);
    const path = new Set(callers).add(name);
    const below = callees.reduce((sum, callee) => sum + visit(callee, path), amount);
    if (!callers.has(name)) add(total, name, below);
    return below;
  };
  const all = visit(root, new Set());
  total.delete("(root)");
  return { all, self: largestFirst(self), selfByFile: largestFirst(selfByFile), total: largestFirst(total) };
};

/** Functions without a file: those of V8 and of Node's C++, the collector, and system calls under them. */
const NATIVE = "(native, garbage collector, system calls)";

const add = (sums: Map<string, number>, name: string, amount: number) => sums.set(name, (sums.get(name) ?? 0) + amount);

const largestFirst = (sums: Map<string, number>): Amounts => [...sums].sort(([, a], [, b]) => b - a);

const nameOf = ({ callFrame: { functionName, url, lineNumber } }: CallNode): string => {
  const file = shortPath(url);
  const name = functionName || "(anonymous)";
  return file === "" ? name : `${name}  ${file}:${lineNumber + 1}`;
};

/** A file as the tree names it; one of a dependency from its package on. */
const shortPath = (url: string): string => {
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  return isAbsolute(path) ? relative(process.cwd(), path).replace(/^.*node_modules\//, "") : path;
};
