// Prints, as JSON, the query plan of each statement of a service that takes a `:limit`: the service's name is the argument.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { systemRuntime } from "../../mesh/runtime/index.ts";
import { declaredStatements, openStore } from "../../mesh/store/index.ts";

const [service = ""] = process.argv.slice(2);
const home = new URL(`../../services/${service}/`, import.meta.url);

const folder = new URL("store/", home);
const files = existsSync(folder)
  ? readdirSync(folder).flatMap((name) => (/(?<!\.test)\.ts$/.test(name) ? [`store/${name}`] : []))
  : ["store.ts"];
for (const file of files) await import(fileURLToPath(new URL(file, home)));

const data = mkdtempSync(join(tmpdir(), "heddle-plans-"));
const path = join(data, "plans.db");
const migrations = new URL("migrations/", home);
await (await openStore({ path, name: service, migrations, runtime: systemRuntime() })).close();
const database = new Database(path, { readonly: true });
const plans = declaredStatements()
  .filter((text) => text.includes(":limit") || text.includes(":rows"))
  .map((text) => ({
    text,
    steps: database.prepare(`EXPLAIN QUERY PLAN ${text}`).all(parametersOf(text)) as { detail: string }[],
  }))
  .map(({ text, steps }) => ({ text, plan: steps.map(({ detail }) => detail) }));
database.close();
rmSync(data, { recursive: true });
console.log(JSON.stringify(plans));

function parametersOf(text: string): Record<string, null> {
  return Object.fromEntries([...text.matchAll(/:(\w+)/g)].map(([, name = ""]) => [name, null]));
}
