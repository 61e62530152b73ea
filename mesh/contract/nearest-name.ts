/** Longer names are not compared: the work grows with the product of the lengths, and the name may be a stranger's. */
const NAME_CHARS_MAX = 128;

/**
 * The known name that `name` was probably meant to be, for "did you mean": the one at the smallest edit distance
 * (insert, delete, replace, swap neighbours; letter case aside), or undefined when none is near, which is a quarter of
 * the name's length, between 1 and 4 edits. The first of equals wins.
 */
export const nearestName = (name: string, known: Iterable<string>): string | undefined => {
  if (name.length === 0 || name.length > NAME_CHARS_MAX) return undefined;
  let nearest: string | undefined;
  let editsMax = Math.min(4, Math.max(1, Math.floor(name.length / 4)));
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > editsMax) continue;
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (edits > editsMax) continue;
    nearest = candidate;
    if (edits === 0) break;
    editsMax = edits - 1;
  }
  return nearest;
};

/** Damerau–Levenshtein distance in its restricted form: no substring is edited twice. */
const editDistance = (a: string, b: string): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(replaced, at(last, j) + 1, at(row, j - 1) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, at(beforeLast, j - 2) + 1);
      }
      row.push(edits);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
};

const at = (row: readonly number[], index: number): number => row[index] ?? Number.POSITIVE_INFINITY;
