import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { clone, create, equals, getOption } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { isReflectList, isReflectMap, isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { FieldBehavior, field_behavior } from "@heddle/contracts/google/api";
import { commonReasons } from "./common-reasons.ts";
import { fail } from "./fail.ts";
import { reaches } from "./find-fields.ts";
import { nearestName } from "./nearest-name.ts";

/** Paths beyond this are refused; no contract here has as many fields. */
const PATHS_MAX = 128;

/**
 * The resource after an Update (AIP-134): a new message, `current` with the fields of `patch` that the mask names.
 * - No mask, or an empty one: every field that is populated in `patch`. `*`: every field, so what `patch` lacks is cleared.
 * - Paths use proto names and may go into messages (`address.city`); a message, list or map that a path ends at is
 *   replaced whole, and cleared when `patch` lacks it.
 * - Output-only fields are the service's: whatever the mask says, they keep their value (AIP-203).
 * - Throws INVALID_ARGUMENT: `UPDATE_MASK_INVALID` for a path that the contract does not have, `FIELD_IMMUTABLE` for an
 *   immutable or identifier field with another value.
 */
export const applyUpdate = <M extends DescMessage>(
  schema: M,
  current: MessageShape<M>,
  patch: MessageShape<M> | undefined,
  updateMask: FieldMask | undefined,
): MessageShape<M> => {
  const updated = clone(schema, current);
  const target = reflect(schema, updated);
  const source = reflect(schema, clone(schema, patch ?? create(schema)));
  const paths = updateMask?.paths ?? [];
  const refused: string[] = [];
  if (paths.length === 0) {
    for (const field of schema.fields) if (source.isSet(field)) replace(target, source, field, field.name, refused);
  } else if (paths.length === 1 && paths[0] === "*") {
    replaceAll(target, source, "", refused);
  } else {
    for (const steps of resolvePaths(schema, paths)) follow(target, source, steps, refused);
  }
  if (refused.length > 0) throw immutable(schema, refused);
  return updated;
};

/** Goes down a path in both messages and replaces what it ends at. */
const follow = (
  target: ReflectMessage,
  source: ReflectMessage,
  steps: readonly DescField[],
  refused: string[],
): void => {
  let [to, from] = [target, source];
  for (const [depth, field] of steps.entries()) {
    if (isOutputOnly(field)) return;
    if (depth === steps.length - 1) {
      replace(to, from, field, steps.map((step) => step.name).join("."), refused);
      return;
    }
    if (field.fieldKind !== "message") return;
    // Clearing within a message that is not there changes nothing.
    if (!to.isSet(field) && !from.isSet(field)) return;
    if (!to.isSet(field)) to.set(field, reflect(field.message));
    [to, from] = [to.get(field), from.get(field)];
  }
};

/** Gives `field` of `to` the value that it has in `from`, except for what the caller may not set. */
const replace = (to: ReflectMessage, from: ReflectMessage, field: DescField, path: string, refused: string[]): void => {
  if (isOutputOnly(field)) return;
  if (isImmutable(field)) {
    if (!hasSameValue(to, from, field)) refused.push(path);
    return;
  }
  if (!from.isSet(field)) {
    to.clear(field);
    return;
  }
  if (field.fieldKind === "message" && hasProtectedField(field.message)) {
    if (!to.isSet(field)) to.set(field, reflect(field.message));
    replaceAll(to.get(field), from.get(field), `${path}.`, refused);
    return;
  }
  // Items of a list have no identity by which the service's own values could be found again; they must not come from the caller.
  for (const item of messagesIn(from, field)) clearOutputOnly(item);
  to.set(field, from.get(field));
};

const replaceAll = (to: ReflectMessage, from: ReflectMessage, prefix: string, refused: string[]): void => {
  for (const field of to.fields) {
    // What a full replacement does not repeat of the identity stays as it is.
    if (isImmutable(field) && !from.isSet(field)) continue;
    replace(to, from, field, prefix + field.name, refused);
  }
};

const clearOutputOnly = (message: ReflectMessage): void => {
  for (const field of message.fields) {
    if (isOutputOnly(field)) message.clear(field);
    else for (const inner of messagesIn(message, field)) clearOutputOnly(inner);
  }
};

/** The messages that a field holds, if it holds messages with protected fields. */
const messagesIn = (message: ReflectMessage, field: DescField): ReflectMessage[] => {
  if (field.message === undefined || !message.isSet(field) || !hasProtectedField(field.message)) return [];
  const value: unknown = message.get(field);
  const items = isReflectMap(value) ? [...value.values()] : isReflectList(value) ? [...value] : [value];
  return items.filter((item) => isReflectMessage(item));
};

const hasSameValue = (a: ReflectMessage, b: ReflectMessage, field: DescField): boolean => {
  const [left, right] = [a, b].map((message) => {
    const only = reflect(message.desc);
    if (message.isSet(field)) only.set(field, message.get(field));
    return only.message;
  });
  return left !== undefined && right !== undefined && equals(a.desc, left, right);
};

const isOutputOnly = (field: DescField): boolean => behaviorOf(field).includes(FieldBehavior.OUTPUT_ONLY);

const isImmutable = (field: DescField): boolean =>
  behaviorOf(field).includes(FieldBehavior.IMMUTABLE) || behaviorOf(field).includes(FieldBehavior.IDENTIFIER);

const behaviors = new WeakMap<DescField, readonly FieldBehavior[]>();

const behaviorOf = (field: DescField): readonly FieldBehavior[] => {
  let behavior = behaviors.get(field);
  if (behavior === undefined) {
    behavior = getOption(field, field_behavior);
    behaviors.set(field, behavior);
  }
  return behavior;
};

const hasProtectedField = (message: DescMessage): boolean =>
  reaches(message, (field) => isOutputOnly(field) || isImmutable(field));

/** The fields along each path; throws UPDATE_MASK_INVALID with every path that the contract does not have. */
const resolvePaths = (schema: DescMessage, paths: readonly string[]): DescField[][] => {
  if (paths.length > PATHS_MAX) throw maskInvalid(schema, [`has more than ${PATHS_MAX} paths`]);
  const resolved: DescField[][] = [];
  const problems: string[] = [];
  for (const path of paths) {
    const steps = resolvePath(schema, path);
    if (typeof steps === "string") problems.push(steps);
    else resolved.push(steps);
  }
  if (problems.length > 0) throw maskInvalid(schema, problems);
  return resolved;
};

/** The fields along one path, or why there is no such path. */
const resolvePath = (schema: DescMessage, path: string): DescField[] | string => {
  if (path === "*") return "'*' replaces everything and stands alone";
  const steps: DescField[] = [];
  let message: DescMessage | undefined = schema;
  for (const name of path.split(".")) {
    const last = steps.at(-1);
    if (message === undefined) return `'${path}' goes beyond '${last?.name}', which is replaced whole`;
    const field: DescField | undefined = message.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      const nearest = nearestName(path, pathsOf(schema));
      return `'${path}' is not a field of ${schema.typeName}${nearest === undefined ? "" : ` (did you mean '${nearest}'?)`}`;
    }
    steps.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  return steps;
};

/** Every path of a message, three fields deep. */
const pathsOf = (schema: DescMessage, prefix = "", depth = 1): string[] =>
  schema.fields.flatMap((field) => {
    const path = prefix + field.name;
    const goesOn = field.fieldKind === "message" && depth < 3;
    return goesOn ? [path, ...pathsOf(field.message, `${path}.`, depth + 1)] : [path];
  });

const maskInvalid = (schema: DescMessage, problems: readonly string[]): ConnectError =>
  fail(
    commonReasons(schema.file.proto.package).UPDATE_MASK_INVALID,
    { problem: problems[0] ?? "" },
    { violations: problems.map((description) => ({ field: "update_mask", description })) },
  );

const immutable = (schema: DescMessage, paths: readonly string[]): ConnectError =>
  fail(
    commonReasons(schema.file.proto.package).FIELD_IMMUTABLE,
    { field: paths[0] ?? "" },
    { violations: paths.map((field) => ({ field, description: "cannot be changed" })) },
  );
