import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreStartError } from "./errors.ts";

/** One step of a schema, from a file such as `0002-add-email.sql`. */
export interface Migration {
  readonly number: number;
  /** `add-email` */
  readonly name: string;
  readonly file: string;
  readonly text: string;
  /** SHA-256 of the text with line ends as `\n`, in hex. */
  readonly checksum: string;
}

/** Reads a folder of migrations in order. Throws StoreStartError when a name or a number is not as it must be. */
export const readMigrations = (folder: URL): Migration[] => {
  const path = fileURLToPath(folder);
  const migrations = sqlFilesOf(path).map((entry) => readMigration(path, entry));
  if (migrations.length === 0) {
    throw new StoreStartError(
      path,
      "holds no migration.",
      "add 0001-create-….sql, or build and copy the folder with the code.",
    );
  }
  migrations.forEach((migration, index) => {
    if (migration.number === index + 1) return;
    const expected = String(index + 1).padStart(4, "0");
    throw migration.number <= index
      ? new StoreStartError(
          migration.file,
          "has a number that another migration has.",
          "give the newer of the two the next free number.",
        )
      : new StoreStartError(
          join(path, `${expected}-….sql`),
          `is missing: the migrations go on with ${migration.file}.`,
          "put the file back as it was released; a migration that was never released may be renumbered.",
        );
  });
  return migrations;
};

const sqlFilesOf = (path: string): string[] => {
  try {
    return readdirSync(path)
      .filter((entry) => /\.sql$/i.test(entry))
      .sort();
  } catch (cause) {
    throw new StoreStartError(
      path,
      "cannot be read as the folder of migrations.",
      "build and copy the folder with the code.",
      { cause },
    );
  }
};

const readMigration = (path: string, entry: string): Migration => {
  const file = join(path, entry);
  const [, number, name] = /^(\d{4})-([a-z0-9]+(?:-[a-z0-9]+)*)\.sql$/.exec(entry) ?? [];
  if (number === undefined || name === undefined) {
    throw new StoreStartError(
      file,
      "is misnamed.",
      "name it NNNN-name.sql: four digits, lower-case words joined by hyphens.",
    );
  }
  // A checkout on another system may have changed the line ends, which changes nothing for SQLite.
  const text = readFileSync(file, "utf8").replaceAll("\r\n", "\n");
  const forbidden = OWN_TRANSACTION.exec(text.replaceAll(/--.*$/gm, ""));
  if (forbidden !== null) {
    throw new StoreStartError(
      file,
      `contains ${forbidden[1]?.toUpperCase()}.`,
      "leave it out: each migration runs in one transaction together with its record, with foreign keys checked at its end.",
    );
  }
  return { number: Number(number), name, file, text, checksum: createHash("sha256").update(text).digest("hex") };
};

/** Statements that would end the migration's transaction, or that do nothing or fail inside of one. */
const OWN_TRANSACTION = /(?:^|;)\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|VACUUM|ATTACH|DETACH|PRAGMA)\b/i;
