import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openWriter } from "./connection.ts";
import { temporaryFolder } from "./fixtures/temporary-folder.ts";
import { claimFile, isNewFile } from "./own-file.ts";

const openTwice = () => {
  const file = join(temporaryFolder(), "notes.db");
  closeSync(openSync(file, "w"));
  const [first, second] = [openWriter(file, 0), openWriter(file, 0)];
  onTestFinished(() => {
    first.close();
    second.close();
  });
  expect([isNewFile(first, file, "notes"), isNewFile(second, file, "notes")]).toEqual([true, true]);
  return { file, first, second };
};

test("of two processes that find the same new file both get it when they are the same service", () => {
  const { file, first, second } = openTwice();
  claimFile(first, file, "notes");
  claimFile(second, file, "notes");
  expect(isNewFile(second, file, "notes")).toBe(false);
});

test("of two services that find the same new file one gets it", () => {
  const { file, first, second } = openTwice();
  claimFile(first, file, "notes");
  expect(() => claimFile(second, file, "orders")).toThrow("belongs to the service notes, not to orders");
});

test("a file that another process claims between two looks at it is new, and not another program's", () => {
  const { file, first, second } = openTwice();
  first.pragma("journal_mode = WAL");
  const interrupted = new Proxy(first, {
    get(database, key) {
      const value = Reflect.get(database, key) as unknown;
      if (typeof value !== "function") return value;
      if (key !== "pragma") return value.bind(database);
      return (...args: Parameters<typeof database.pragma>) => {
        const result = database.pragma(...args);
        if (args[0] === "application_id") claimFile(second, file, "notes");
        return result;
      };
    },
  });
  expect(isNewFile(interrupted, file, "notes")).toBe(true);
  claimFile(first, file, "notes");
  expect(isNewFile(first, file, "notes")).toBe(false);
});
