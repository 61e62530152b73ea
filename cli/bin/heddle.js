#!/usr/bin/env node
// Any Node from 20 on can run this file: it hands over to the Node 24 that the repository has installed, which runs the
// TypeScript sources as they are.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const main = new URL("../main.ts", import.meta.url);
const major = Number(process.versions.node.split(".")[0]);
const condition = "--conditions=source";

if (major >= 24 && process.execArgv.includes(condition)) {
  await import(main.href);
} else {
  const node = major >= 24 ? process.execPath : installedNode();
  if (node === undefined) {
    process.stderr.write(
      `heddle needs Node 24, and this is ${process.version}. Run \`npm ci\` in the repository: it installs Node 24 beside the other dependencies.\n`,
    );
    process.exit(1);
  }
  handOver(node);
}

/** The Node binary of the `node` package, in this repository or in the one that this package is installed in. */
function installedNode() {
  return ["../../node_modules/node/bin/node", "../../../node/bin/node"]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
}

/** @param {string} node */
function handOver(node) {
  const cache = fileURLToPath(new URL("../../node_modules/.cache/heddle", import.meta.url));
  const child = spawn(node, [condition, fileURLToPath(main), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { NODE_COMPILE_CACHE: cache, ...process.env },
  });
  // A terminal sends its signals to the child as well, which is in the same group; passing those on would count twice.
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  for (const signal of ["SIGINT", "SIGQUIT"]) {
    process.on(signal, () => {
      if (!process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`heddle cannot start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
