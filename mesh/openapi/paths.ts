import type { DescField } from "@bufbuild/protobuf";
import type { Binding } from "../rest/index.ts";

/** A parameter in a path of OpenAPI: one segment, where `google.api.http` may bind several to one field. */
export interface PathParameter {
  readonly name: string;
  /** The field that it gives, or gives a part of; undefined for a `*` outside of variables. */
  readonly field: DescField | undefined;
  /** The field's value, such as `shelves/{shelf}/books/{book}`, where the segment is not all of it. */
  readonly partOf: string | undefined;
  /** Stands for all that is left of the path, slashes too, which OpenAPI has no word for. */
  readonly isRest: boolean;
}

/** A binding with its path as OpenAPI writes it. */
export interface BoundPath {
  readonly binding: Binding;
  readonly path: string;
  readonly parameters: readonly PathParameter[];
}

/**
 * The paths of bindings. OpenAPI takes two paths that differ in the names of parameters alone for one: bindings of one shape get
 * one path, by the simplest of their names.
 */
export const pathsOf = (bindings: readonly Binding[]): BoundPath[] => {
  const raw = bindings.map((binding) => ({ binding, parts: partsOf(binding) }));
  const namesByShape = new Map<string, string[]>();
  for (const { binding, parts } of raw) {
    const shape = textOf(parts, binding, () => "");
    const names = parts.flatMap((part) => (typeof part === "string" ? [] : [part.name]));
    const known = namesByShape.get(shape);
    namesByShape.set(
      shape,
      known === undefined ? names : names.map((name, index) => simpler(name, known[index] ?? name)),
    );
  }
  return raw.map(({ binding, parts }) => {
    const names = distinct(namesByShape.get(textOf(parts, binding, () => "")) ?? []);
    const own = parts.filter((part) => typeof part !== "string");
    const parameters = own.map((part, index) => ({ ...part, name: names[index] ?? part.name }));
    return { binding, path: textOf(parts, binding, (index) => parameters[index]?.name ?? ""), parameters };
  });
};

const partsOf = ({ template, variables }: Binding): (string | PathParameter)[] =>
  template.segments.map((segment, at) => {
    if (segment.kind === "literal") return encodeURI(segment.text);
    const bound = variables.find(({ variable }) => variable.start <= at && at < variable.end);
    const isRest = segment.kind === "rest";
    if (bound === undefined)
      return { name: nameAfter(template.segments[at - 1]), field: undefined, partOf: undefined, isRest };
    const { variable, fields } = bound;
    const name = variable.fieldPath.join(".");
    if (variable.end - variable.start === 1) return { name, field: fields.at(-1), partOf: undefined, isRest };
    const value = template.segments
      .slice(variable.start, variable.end)
      .map((inner, index, all) => (inner.kind === "literal" ? inner.text : `{${nameAfter(all[index - 1])}}`));
    return {
      name: nameAfter(template.segments[at - 1]),
      field: fields.at(-1),
      partOf: `${name} = ${value.join("/")}`,
      isRest,
    };
  });

/** A name for a segment by the collection that stands before it: `book` behind `books`. */
const nameAfter = (segment: Binding["template"]["segments"][number] | undefined): string => {
  if (segment?.kind !== "literal") return "segment";
  return segment.text
    .replace(/ies$/, "y")
    .replace(/(?<=[^s])s$/, "")
    .replace(/\W/g, "_");
};

const textOf = (
  parts: readonly (string | PathParameter)[],
  { template }: Binding,
  name: (index: number) => string,
): string => {
  let index = 0;
  const segments = parts.map((part) => (typeof part === "string" ? part : `{${name(index++)}}`));
  return `/${segments.join("/")}${template.verb === "" ? "" : `:${template.verb}`}`;
};

const simpler = (a: string, b: string): string => {
  const dots = a.split(".").length - b.split(".").length;
  return dots < 0 || (dots === 0 && a < b) ? a : b;
};

const distinct = (names: readonly string[]): string[] =>
  names.map((name, index) => (names.indexOf(name) === index ? name : `${name}_${index + 1}`));
