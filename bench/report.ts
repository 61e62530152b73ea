import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { verdicts } from "./goals.ts";
import { RESTATE_SERVER, restateMissing } from "./restate.ts";
import type { Result } from "./results.ts";
import { type Row, ratioOf } from "./row.ts";

const README = new URL("./README.md", import.meta.url);
const BEGIN = "<!-- results: written by make bench -->";
const END = "<!-- end of results -->";

/** One line: the figure, the peers' with the ratio, and the goals with what became of them. */
export const printRow = (row: Row): void => {
  const ours = `${format(row.ours)} ${row.unit}`;
  console.log([row.name.padEnd(28), ours.padEnd(28), beside(row)].join("  ").trimEnd());
  for (const verdict of verdicts(row)) console.log(`${" ".repeat(30)}goal ${verdict}`);
};

/** Puts the table of all rows into the README, with the machine and the versions that each is true of. */
export const updateReadme = (results: readonly Result[]): void => {
  const conditions = [...new Set(results.map((result) => result.conditions))];
  const table = [
    "| row | Heddle | beside | goal | measured |",
    "|---|---|---|---|---|",
    ...results.map((row) => {
      const goals = verdicts(row).join("; ").replaceAll("missed", "**missed**");
      const measured = conditions.indexOf(row.conditions) + 1;
      return `| \`${row.name}\` | ${format(row.ours)} ${row.unit} | ${beside(row)} | ${goals} | ${measured} |`;
    }),
  ];
  const readme = readFileSync(README, "utf8");
  const [before, after] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (before < 0 || after < before) throw new Error("bench/README.md has no place for the results");
  const lists = [conditions.map((text, index) => `${index + 1}. ${text}`), table].map((lines) => lines.join("\n"));
  const text = [BEGIN, ...lists, END].join("\n\n");
  writeFileSync(README, readme.slice(0, before) + text + readme.slice(after + END.length));
};

const beside = ({ ours, peers, notMeasured = {} }: Row): string =>
  [
    ...Object.entries(peers).map(([peer, value]) => `${peer} ${format(value)}${times(ours, value)}`),
    ...Object.entries(notMeasured).map(([peer, missing]) => `${peer} not measured: ${missing}`),
  ].join(", ");

const times = (ours: number, value: number): string => {
  const ratio = ratioOf(ours, value);
  return ratio === undefined ? "" : ` (x ${ratio.toPrecision(3)})`;
};

const format = (value: number): string => value.toLocaleString("en-US", { maximumSignificantDigits: 6 });

const PACKAGES = [
  "@grpc/grpc-js",
  "@connectrpc/connect-node",
  "better-sqlite3",
  "@restatedev/restate-sdk",
  "@dbos-inc/dbos-sdk",
];

/** The day, the machine, the versions and the rounds that figures of now are true of. */
export const conditionsOf = (runs: number): string => {
  const [cpu] = cpus();
  const hardware = `${cpus().length} cores (${cpu?.model.trim()}, ${process.arch}), Linux ${release().split("-")[0]}`;
  const versions = [
    `Node ${process.versions.node}`,
    ...PACKAGES.map((name) => `${name} ${versionOf(name)}`),
    programVersion("nginx", "-v"),
    programVersion("haproxy", "-v"),
    programVersion("h2load", "--version"),
    ...(restateMissing() === undefined ? [programVersion(RESTATE_SERVER, "--version", "restate-server")] : []),
    programVersion("postgres", "--version"),
  ];
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${hardware}. ${versions.join(", ")}. Rounds: ${runs}. Wire: ${process.env.HEDDLE_WIRE ?? "the default"}.`;
};

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")).version;

const programVersion = (command: string, option: string, name = command): string => {
  const { stdout, stderr } = spawnSync(command, [option], { encoding: "utf8" });
  return `${name} ${/\d+\.\d+(\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? "of an unknown version"}`;
};
