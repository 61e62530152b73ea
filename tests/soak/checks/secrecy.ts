import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Check, checking } from "./check.ts";

/** No file of a run holds a social security number in plain: no database, write-ahead log or log of a service. */
export const numbersAreSecret = (folder: string, numbers: ReadonlySet<string>): Check => {
  const check = checking("no social security number is in a file in plain", "files");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of files) {
    const file = join(entry.parentPath, entry.name);
    check.look();
    const found = [...numbersIn(readFileSync(file), { text: /\.(log|jsonl|json)$/.test(file) })].filter((number) =>
      numbers.has(number),
    );
    check.expect(
      found.length === 0,
      () =>
        `${relative(folder, file)} holds ${found.length} numbers in plain, the first ends in ${found[0]?.slice(-4)}`,
    );
  }
  return check.done();
};

/**
 * All that could be a number, with dashes and without. In text a number stands apart from other digits, as a time does not; in a
 * binary file any byte may stand beside it.
 */
function* numbersIn(bytes: Buffer, { text }: { text: boolean }): Generator<string> {
  const content = bytes.toString("latin1");
  for (const [dashed] of content.matchAll(/\d{3}-\d{2}-\d{4}/g)) yield dashed.replaceAll("-", "");
  for (const [run] of content.matchAll(text ? /(?<!\d)\d{9}(?!\d)/g : /\d{9,}/g)) {
    for (let start = 0; start + 9 <= run.length; start++) yield run.slice(start, start + 9);
  }
}
