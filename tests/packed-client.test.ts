import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMeshForTest } from "./mesh.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** What a consumer of the package installs besides it, for the clients in `packed-client/` and for their types. */
const INSTALLED = [
  "@connectrpc/connect",
  "@connectrpc/connect-node",
  "@connectrpc/connect-web",
  "@grpc/grpc-js",
  "@types/node",
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-packed-client-"));
  cpSync(join(import.meta.dirname, "packed-client"), folder, { recursive: true });
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: join(ROOT, "gen"),
    encoding: "utf8",
  });
  const tarball = JSON.parse(packed)[0].filename as string;
  // What the tarball depends on comes from the repository's node_modules, so that the test needs no network.
  const dependencies: Record<string, string> = { "@heddle/contracts": `file:${tarball}` };
  for (const name of closure([...INSTALLED, ...dependenciesOf(join(ROOT, "gen"))])) {
    dependencies[name] = `file:${join(ROOT, "node_modules", name)}`;
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true, dependencies }));
  const install = ["install", "--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", install, { cwd: folder, stdio: "pipe" });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the packed package is a copy, not a link into the repository", () => {
  const manifest = JSON.parse(readFileSync(join(folder, "node_modules/@heddle/contracts/package.json"), "utf8"));
  expect(manifest.name).toBe("@heddle/contracts");
  expect(existsSync(join(folder, "node_modules/@heddle/contracts/order/v1/index.d.ts"))).toBe(true);
  expect(existsSync(join(folder, "node_modules/@heddle/contracts/tsconfig.json"))).toBe(false);
});

test("consumers of the packed package type-check over every transport", () => {
  expect(typeCheck()).toBe("");
});

test("a misspelt field in a consumer of the packed package is a type error", () => {
  const text = readFileSync(join(folder, "grpc-js.ts"), "utf8");
  writeFileSync(join(folder, "misspelt.ts"), text.replace("givenName", "givenNmae"));
  try {
    expect(typeCheck()).toContain("givenNmae");
  } finally {
    rmSync(join(folder, "misspelt.ts"));
  }
});

describe("against a running mesh", () => {
  let mesh: Awaited<ReturnType<typeof startMeshForTest>>;

  beforeAll(async () => {
    mesh = await startMeshForTest();
  }, 60_000);

  afterAll(() => mesh?.stop());

  test.for([
    ["connect-node.ts", "ada@node.example"],
    ["connect-web.ts", "ada@web.example"],
    ["grpc-js.ts", "ada@grpc.example"],
  ] as const)("%s creates a customer and reads it back", ([file, email]) => {
    const printed = execFileSync(process.execPath, [file], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: "", HEDDLE_URL: mesh.baseUrl },
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(printed.trim()).toBe(email);
  });
});

function typeCheck(): string {
  try {
    return execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["--project", folder], { encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Names the packages and all that they depend on, as installed in the repository. */
function closure(names: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    dependenciesOf(join(ROOT, "node_modules", name)).forEach(visit);
  };
  names.forEach(visit);
  return found;
}

function dependenciesOf(packageFolder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  return Object.keys(manifest.dependencies ?? {});
}
