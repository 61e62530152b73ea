import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { FieldBehavior } from "@heddle/contracts/google/api";
import { parameterProblem, singularMessage } from "../rest/index.ts";
import type { Examples } from "./examples.ts";
import { given, type JsonObject } from "./json.ts";
import type { BoundPath } from "./paths.ts";
import { rejectsZero } from "./rejects-zero.ts";
import { hasBehavior, isRequired } from "./rules.ts";
import type { Schemas } from "./schemas.ts";

/** Messages within each other of which the fields are listed as parameters. */
const DEPTH_MAX = 4;
/** Parameters of one operation: contracts come from elsewhere, and wide messages within each other multiply. */
const PARAMETERS_MAX = 500;

/** The parameters of a REST operation: what the path gives, then every field that neither path nor body does, by its path. */
export const parametersOf = (
  { binding, parameters }: BoundPath,
  { schemas, examples }: { schemas: Schemas; examples: Examples },
): JsonObject[] => {
  const ofPath = parameters.map(({ name, field, partOf, isRest }) => {
    const isPart = field === undefined || partOf !== undefined;
    const { description, ...schema } = isPart
      ? { type: "string", description: undefined }
      : asParameter(schemas.ofField(field));
    const notes = [
      ...(typeof description === "string" ? [description] : []),
      ...(partOf === undefined ? [] : [`Part of \`${partOf}\`.`]),
      ...(isRest ? ["Takes all that is left of the path, slashes too."] : []),
    ];
    return given({
      name,
      in: "path",
      required: true,
      description: notes.length > 0 ? notes.join("\n\n") : undefined,
      schema,
      example: isPart ? undefined : examples.ofField(field),
    });
  });
  if (binding.body === "all") return ofPath;
  const bound = new Set(binding.variables.map(({ variable }) => variable.fieldPath.join(".")));
  // Of a oneof, a request sets one field: where the path gives it, no other can be.
  const decided = new Set(binding.variables.flatMap(({ fields }) => fields.map(({ oneof }) => oneof)));
  const ofQuery: JsonObject[] = [];
  const visit = (message: DescMessage, chain: readonly DescField[]): void => {
    for (const field of message.fields) {
      if (ofQuery.length >= PARAMETERS_MAX) return;
      const name = [...chain, field].map((part) => part.name).join(".");
      if (bound.has(name) || (chain.length === 0 && field === binding.body)) continue;
      if (hasBehavior(field, FieldBehavior.OUTPUT_ONLY) || (field.oneof !== undefined && decided.has(field.oneof)))
        continue;
      if (parameterProblem(field) === undefined) {
        const required = chain.length === 0 && (isRequired(field) || rejectsZero(field));
        ofQuery.push(queryParameter(name, field, required));
        continue;
      }
      const inner = singularMessage(field);
      if (inner === undefined || chain.length >= DEPTH_MAX || chain.some((part) => part.message === inner)) continue;
      visit(inner, [...chain, field]);
    }
  };
  const queryParameter = (name: string, field: DescField, required: boolean): JsonObject => {
    const { description, deprecated, ...schema } = asParameter(schemas.ofField(field));
    // Pages fill examples in: one for what may be left out would narrow what is asked for.
    const example = required ? examples.ofField(field) : undefined;
    return given({ name, in: "query", required: required || undefined, description, deprecated, schema, example });
  };
  visit(binding.method.input, []);
  return [...ofPath, ...ofQuery];
};

/** A field's schema in a parameter, where nothing is read only or write only. */
const asParameter = ({ readOnly: _, writeOnly: __, ...schema }: JsonObject): JsonObject => schema;
