import { type DescField, type DescMethod, hasOption } from "@bufbuild/protobuf";
import { access } from "@heddle/contracts/heddle/options/v1";
import { type MethodOptions, methodOptions } from "../contract/options.ts";
import { type Binding, bindingsOf } from "../rest/index.ts";
import { errorAnswers } from "./answers.ts";
import { type Comments, summaryOf } from "./comments.ts";
import type { Examples } from "./examples.ts";
import { given, type JsonObject } from "./json.ts";
import { parametersOf } from "./parameters.ts";
import type { BoundPath } from "./paths.ts";
import { rejectsZero } from "./rejects-zero.ts";
import { isRequired } from "./rules.ts";
import type { Schemas } from "./schemas.ts";

/** What the parts of a document share. */
export interface Parts {
  readonly schemas: Schemas;
  readonly examples: Examples;
  readonly comments: Comments;
}

/** Methods that OpenAPI has a place for. */
const VERBS: ReadonlySet<string> = new Set(["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"]);

/** The bindings of a method that REST answers and OpenAPI can tell of. */
export const documentedBindings = (method: DescMethod, registry: Binding["registry"]): Binding[] =>
  bindingsOf(method, registry).bindings.filter(
    (binding) => VERBS.has(binding.verb) && (!takesStream(method) || isRaw(bodyMessage(binding))),
  );

/** A method by one of its bindings; `turn` counts them, from 1. */
export const restOperation = (bound: BoundPath, turn: number, parts: Parts): JsonObject => {
  const { binding } = bound;
  const parameters = parametersOf(bound, parts);
  return given({
    ...about(binding.method, turn, parts.comments),
    parameters: parameters.length > 0 ? parameters : undefined,
    requestBody: requestBody(binding, parts),
    responses: { "200": success(binding, parts), ...errorAnswers(binding.method, parts.comments, "google.rpc.Status") },
  });
};

/** A method by its own path, for what has no binding: the Connect protocol with JSON. */
export const rpcOperation = (method: DescMethod, parts: Parts): JsonObject => {
  const { schemas, examples, comments } = parts;
  const isStream = method.methodKind !== "unary";
  const content = (direction: "input" | "output"): JsonObject => {
    if (isStream) return { "application/connect+json": { schema: ENVELOPES } };
    const example = direction === "input" ? examples.ofRequest(method.input) : examples.ofReply(method.output);
    return { "application/json": { schema: schemas.ofMessage(method[direction]), example } };
  };
  // Also what is shown as a stream of bytes has its messages described.
  for (const message of [method.input, method.output]) schemas.ofMessage(message);
  return {
    ...about(method, 1, comments),
    requestBody: { required: true, content: content("input") },
    responses: {
      "200": { description: isStream ? "The stream of replies." : "The reply.", content: content("output") },
      ...errorAnswers(method, comments, "connect.Error"),
    },
  };
};

const ENVELOPES: JsonObject = {
  type: "string",
  format: "binary",
  description:
    "Messages in envelopes of the Connect protocol: a byte of flags, four of length, then JSON. Call streams with a client of gRPC, gRPC-Web or Connect.",
};

const about = (method: DescMethod, turn: number, comments: Comments): JsonObject => {
  const { parent } = method;
  const comment = comments.get(`${parent.typeName}.${method.name}`);
  const options = methodOptions(method);
  const id = `${parent.typeName.replaceAll(".", "_")}_${method.name}`;
  return given({
    operationId: turn === 1 ? id : `${id}_${turn}`,
    tags: [parent.typeName],
    summary: comment === undefined ? method.name : summaryOf(comment, method.name),
    description: comment,
    deprecated: options.deprecated || undefined,
    ...securityOf(method, options),
    "x-heddle-method": `${parent.typeName}/${method.name}`,
    "x-heddle-idempotency": options.idempotency === "unknown" ? undefined : options.idempotency,
    "x-heddle-timeout-ms": options.timeoutMs,
    "x-heddle-rate-limit": options.rateLimit,
    "x-heddle-sunset": options.sunset,
  });
};

/** The roles are alternatives: a token with one of them is enough. */
const securityOf = (method: DescMethod, { access: allowed }: MethodOptions): JsonObject => {
  // Those of others, such as health, say nothing about access.
  if (!hasOption(method, access) || allowed.public) return { security: [] };
  const { roles, services } = allowed;
  return {
    security: roles.length === 0 ? [{ bearer: [] }] : roles.map((role) => ({ bearer: [role] })),
    "x-heddle-access": { roles, services },
  };
};

const requestBody = (binding: Binding, { schemas, examples }: Parts): JsonObject | undefined => {
  const { body, method, variables } = binding;
  if (body === undefined) return undefined;
  if (isRaw(bodyMessage(binding))) return { required: true, content: { "*/*": { schema: RAW } } };
  if (body !== "all") {
    const example =
      body.message === undefined || body.fieldKind !== "message"
        ? examples.ofField(body)
        : examples.ofRequest(body.message);
    const { description, ...schema } = schemas.ofField(body);
    return given({
      description,
      required: isRequired(body) || undefined,
      content: { "application/json": given({ schema, example }) },
    });
  }
  const ofPath = new Set(variables.flatMap(({ fields }) => (fields.length === 1 ? fields : [])));
  const isLeft = (field: DescField) => !ofPath.has(field) && (isRequired(field) || rejectsZero(field));
  const schema = ofPath.size === 0 ? schemas.ofMessage(method.input) : schemas.without(method.input, ofPath);
  return given({
    required: method.input.fields.some(isLeft) || undefined,
    content: { "application/json": { schema, example: examples.ofRequest(method.input, ofPath) } },
  });
};

const success = ({ method, responseBody }: Binding, { schemas, examples }: Parts): JsonObject => {
  const message =
    responseBody === undefined
      ? method.output
      : responseBody.fieldKind === "message"
        ? responseBody.message
        : undefined;
  if (isRaw(message))
    return { description: "The content, of the type that it has.", content: { "*/*": { schema: RAW } } };
  const schema = responseBody === undefined ? schemas.ofMessage(method.output) : schemas.ofField(responseBody);
  const example =
    responseBody === undefined
      ? examples.ofReply(method.output)
      : examples.ofReply(method.output)[responseBody.jsonName];
  if (!givesStream(method)) {
    return { description: "The reply.", content: { "application/json": given({ schema, example }) } };
  }
  const line = {
    type: "object",
    description: "One line of the stream. An `error` is the last one.",
    properties: { result: schema, error: { $ref: "#/components/schemas/google.rpc.Status" } },
  };
  const events = {
    type: "string",
    description:
      "Server-sent events: `data` holds a reply. The stream ends with an event `end`, or `error`, which holds a google.rpc.Status.",
  };
  return {
    description: "The stream of replies.",
    content: { "application/x-ndjson": { schema: line }, "text/event-stream": { schema: events } },
  };
};

const RAW: JsonObject = { type: "string", format: "binary" };

const takesStream = ({ methodKind }: DescMethod) =>
  methodKind === "client_streaming" || methodKind === "bidi_streaming";
const givesStream = ({ methodKind }: DescMethod) =>
  methodKind === "server_streaming" || methodKind === "bidi_streaming";

const bodyMessage = ({ body, method }: Binding) =>
  body === "all" ? method.input : body?.fieldKind === "message" ? body.message : undefined;

const isRaw = (message: { readonly typeName: string } | undefined): boolean =>
  message?.typeName === "google.api.HttpBody";
