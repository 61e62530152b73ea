import { create, type Message } from "@bufbuild/protobuf";
import type { Binding } from "./binding.ts";
import { applyBody, type RequestBody } from "./body.ts";
import { setParameter } from "./parameter-value.ts";
import { applyQuery } from "./query.ts";
import { type RequestPath, variableText } from "./request-path.ts";

/** What a request says beside its HTTP method. */
export interface RestRequest {
  readonly path: RequestPath;
  /** What stands after the question mark. */
  readonly query: string;
  readonly body: RequestBody;
}

/**
 * The message that a request is. Where body and path both give a field, the path has the last word.
 *
 * Throws INVALID_ARGUMENT with the path of the field that is wrong, or with what is wrong with the request as a whole.
 */
export const readRequest = (binding: Binding, { path, query, body }: RestRequest): Message => {
  const message = create(binding.method.input);
  applyBody(message, body, binding);
  const domain = binding.method.parent.file.proto.package;
  for (const { variable, fields } of binding.variables) {
    const text = variableText(variable, binding.template, path);
    setParameter(message, fields, [text], { domain, registry: binding.registry });
  }
  applyQuery(message, query, binding);
  return message;
};
