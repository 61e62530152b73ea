import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** A field of a contract, and how it is reached from a request. */
export interface FieldPath {
  /** In proto names; the items of lists and maps, whose place is not known, as `lines[].quantity`. Empty for the root. */
  readonly path: string;
  readonly field: DescField;
}

/** How far down fields are looked for; deeper ones are named by their type alone. */
const DEPTH_MAX = 6;
/** A message that contains itself must not make the search endless. */
const MESSAGES_MAX = 256;
const FOUND_MAX = 16;

/** The fields within `root` that satisfy `test`, at most 16, nearest to the root first. */
export const findFields = (root: DescMessage, test: (field: DescField) => boolean): FieldPath[] => {
  const found: FieldPath[] = [];
  const queue = [{ message: root, prefix: "", depth: 1 }];
  for (const { message, prefix, depth } of queue) {
    for (const field of message.fields) {
      const path = prefix + field.name;
      if (test(field)) found.push({ path, field });
      if (found.length === FOUND_MAX) return found;
      if (field.message === undefined || depth === DEPTH_MAX || queue.length === MESSAGES_MAX) continue;
      const items = field.fieldKind === "message" ? "" : "[]";
      queue.push({ message: field.message, prefix: `${path}${items}.`, depth: depth + 1 });
    }
  }
  return found;
};

/** True when a field that satisfies `test` occurs anywhere within messages of the type. */
export const reaches = (
  schema: DescMessage,
  test: (field: DescField) => boolean,
  seen = new Set<DescMessage>(),
): boolean => {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some(
    (field) => test(field) || (field.message !== undefined && reaches(field.message, test, seen)),
  );
};
