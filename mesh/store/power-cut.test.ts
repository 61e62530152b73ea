import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CustomerCreatedSchema } from "@heddle/contracts/customer/v1";
import { expect, test } from "vitest";
import { systemRuntime } from "../runtime/index.ts";
import { eventsAfter } from "./events.ts";
import { insertNote, migrations, noteIds } from "./fixtures/notes.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { seeded, torn } from "./fixtures/torn.ts";
import { openStore, openStoreOn } from "./open-store.ts";

const SEED = Number(process.env.HEDDLE_SEED ?? 20_261_121);
const CUTS = Number(process.env.HEDDLE_CUTS ?? 20);

/** Writes in random batches; at random moments between a commit and its answer the power fails, on a copy of the files. */
test(`what was acknowledged before a power cut is there after it, batches are whole (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  const folder = temporaryFolder();
  const path = join(folder, "notes.db");
  const acknowledged = new Set<string>();
  const cuts: { readonly file: string; readonly acknowledged: readonly string[] }[] = [];

  const cut = (synced: Buffer): void => {
    const home = join(folder, `cut${cuts.length}`);
    mkdirSync(home);
    const file = join(home, "notes.db");
    copyFileSync(path, file);
    writeFileSync(`${file}-wal`, torn(synced, readFileSync(`${path}-wal`), random));
    cuts.push({ file, acknowledged: [...acknowledged] });
  };
  let synced: Buffer = Buffer.alloc(0);
  const store = await openStoreOn(
    () => ({
      async sync() {
        if (acknowledged.size > 0 && cuts.length < CUTS && random() < 0.3) cut(synced);
        synced = readFileSync(`${path}-wal`);
        if (acknowledged.size > 0 && cuts.length < CUTS && random() < 0.1) cut(synced);
      },
      watch: () => undefined,
      close() {},
    }),
    { path, name: "notes", migrations, runtime: systemRuntime() },
  );
  for (let batch = 0; cuts.length < CUTS; batch++) {
    const size = 1 + Math.floor(random() * 8);
    const jobs = Array.from({ length: size }, async (_, index) => {
      const id = `${batch}/${size}/${index}`;
      await store.write(async (tx) => {
        await tx.run(insertNote, { id, text: "x".repeat(Math.floor(random() * 6_000)) });
        await tx.publish(CustomerCreatedSchema, { customer: { id } });
      });
      acknowledged.add(id);
    });
    await Promise.all(jobs);
  }
  await store.close();

  for (const { file, acknowledged } of cuts) {
    const after = await openStore({ path: file, name: "notes", migrations, runtime: systemRuntime() });
    const notes = (await after.read((reader) => reader.all(noteIds, {}))).map(({ id }) => id);
    const events = await after.read((reader) => eventsAfter(reader, 0n));
    await after.close();
    expect(notes.slice(0, acknowledged.length), file).toEqual(acknowledged);
    // The batch that was under way is there whole or not at all, and each change with its event.
    const rest = notes.slice(acknowledged.length);
    expect(rest, file).toHaveLength(rest.length === 0 ? 0 : Number(rest[0]?.split("/")[1]));
    expect(events.map(({ key }) => key).slice(0, 1_000)).toEqual(notes.slice(0, 1_000));
    expect(events.at(-1)?.sequence).toBe(BigInt(Math.min(notes.length, 1_000)));
  }
});
