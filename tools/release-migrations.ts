// Records the checksum of every migration, from when on `tools/tidy.test.ts` keeps it from being edited. Run at a release.
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("./released-migrations.json", import.meta.url);
const ROOT = new URL("../", import.meta.url).pathname;

const released: Record<string, string> = JSON.parse(readFileSync(FILE, "utf8"));
const migrations = globSync(["services/*/migrations/*.sql", "mesh/store/migrations/*.sql"], { cwd: ROOT }).sort();
for (const migration of migrations) {
  const hash = createHash("sha256")
    .update(readFileSync(`${ROOT}${migration}`))
    .digest("hex");
  if (released[migration] !== undefined && released[migration] !== hash) {
    console.error(
      `${migration} was released and edited since: restore it, and write the change as the next migration.`,
    );
    process.exit(1);
  }
  released[migration] = hash;
}
writeFileSync(FILE, `${JSON.stringify(released, undefined, 2)}\n`);
console.log(`${migrations.length} migrations are released.`);
