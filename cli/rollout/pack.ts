import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageSetsOf } from "@heddle/mesh/contract";
import { createLog } from "@heddle/mesh/observe";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { startService } from "@heddle/mesh/service";
import { declaredStatements, readMigrations } from "@heddle/mesh/store";
import { loadDefinition } from "../services.ts";
import { bundleService } from "./bundle.ts";
import {
  type PackagedContract,
  type PackagedMigrations,
  STATEMENTS_FILE,
  thisPlatform,
  writePackage,
} from "./package-manifest.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where the migrations of the runtime are, in the repository and below `files/` of a package. */
const HEDDLE_MIGRATIONS = "mesh/store/migrations/";

/** A service as a package: its code and all that it needs, what it serves, and what it does to its database. */
export const packService = async (
  service: string,
): Promise<{ readonly archive: Buffer; readonly release: string; readonly version: string }> => {
  const files = await bundleService(ROOT.replace(/\/$/, ""), `services/${service}/main.ts`);
  const definition = await loadDefinition(service);
  const { version } = definition;
  const contracts: PackagedContract[] = [];
  for (const { packageName, hash, read } of await contractsOf(service)) {
    const file = `contracts/${packageName}.binpb`;
    files.set(file, read());
    contracts.push({ package: packageName, hash, file });
  }
  const migrations: PackagedMigrations[] =
    definition.migrations === undefined
      ? []
      : [migrationsIn("heddle", HEDDLE_MIGRATIONS), migrationsIn("service", `services/${service}/migrations/`)];
  files.set(STATEMENTS_FILE, Buffer.from(`${JSON.stringify(declaredStatements(), undefined, 1)}\n`));
  // Scripts are ES modules; without it Node would parse each twice to find that out.
  files.set("package.json", Buffer.from(`${JSON.stringify({ type: "module", private: true })}\n`));
  return { ...writePackage({ service, version, ...thisPlatform(), contracts, migrations }, files), version };
};

/** What a service serves: started once, on a database of its own that goes again, since only its handlers know. */
const contractsOf = async (service: string): Promise<ReturnType<typeof packageSetsOf>> => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-pack-"));
  const runtime = systemRuntime();
  try {
    const running = await startService(await loadDefinition(service), {
      env: { ...process.env, HEDDLE_DATA: folder, HEDDLE_ACCESS: "local", HEDDLE_HOST: "127.0.0.1" },
      runtime,
      log: createLog({ service, level: "silent", ...runtime }),
      transportFor: () => grpcTransport("http://127.0.0.1:1", runtime),
      neighbours: new Map(),
      listenOn: undefined,
      onFatal: (error) => {
        throw error;
      },
    });
    const sets = packageSetsOf(running.services);
    await running.stop(0);
    return sets;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const migrationsIn = (owner: "heddle" | "service", path: string): PackagedMigrations => ({
  owner,
  folder: `files/${path}`,
  names: readMigrations(new URL(`../../${path}`, import.meta.url)).map(
    ({ number, name }) => `${String(number).padStart(4, "0")}-${name}`,
  ),
});
