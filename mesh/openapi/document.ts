import type { DescMessage, DescService, FileRegistry } from "@bufbuild/protobuf";
import { methodName } from "../contract/method-name.ts";
import { ERROR_SCHEMAS } from "./answers.ts";
import { type Comments, commentsIn } from "./comments.ts";
import { createExamples } from "./examples.ts";
import { given, type JsonObject } from "./json.ts";
import { documentedBindings, type Parts, restOperation, rpcOperation } from "./operations.ts";
import { pathsOf } from "./paths.ts";
import { createSchemas } from "./schemas.ts";

/** A package version to be documented. */
export interface DocumentedPackage {
  /** With its version, such as `customer.v1`. */
  readonly name: string;
  readonly services: readonly DescService[];
  readonly registry: FileRegistry;
  /** The serialized google.protobuf.FileDescriptorSet; its source code info has the comments. */
  readonly bytes: Uint8Array;
}

/**
 * The OpenAPI 3.1 document of package versions: every method by its `google.api.http` bindings, or by its own path where it has
 * none. The same for the same packages. See docs/reference/openapi.md.
 */
export const openApiDocument = (
  packages: readonly DocumentedPackage[],
  info: { readonly title: string; readonly version: string; readonly description?: string },
): JsonObject => {
  const services = packages.flatMap((one) => one.services.map((service) => ({ service, registry: one.registry })));
  const methods = services.flatMap(({ service, registry }) => service.methods.map((method) => ({ method, registry })));
  const comments = allComments(packages);
  const replies = reachableFrom(methods.map(({ method }) => method.output));
  const schemas = createSchemas(comments, ({ typeName }) => !replies.has(typeName));
  const parts: Parts = { schemas, examples: createExamples(comments), comments };

  const paths = new Map<string, JsonObject>();
  const place = (path: string, verb: string, operation: () => JsonObject): boolean => {
    const item = paths.get(path) ?? {};
    // Of two methods with one template, the first is the one that REST answers by.
    if (verb in item) return false;
    item[verb] = operation();
    paths.set(path, item);
    return true;
  };
  const bindings = methods.flatMap(({ method, registry }) => documentedBindings(method, registry));
  const turns = new Map<string, number>();
  for (const bound of pathsOf(bindings)) {
    const { method, verb } = bound.binding;
    const name = methodName(method);
    const turn = (turns.get(name) ?? 0) + 1;
    if (place(bound.path, verb.toLowerCase(), () => restOperation(bound, turn, parts))) turns.set(name, turn);
  }
  for (const { method } of methods) {
    const name = methodName(method);
    if (!turns.has(name)) place(`/${name}`, "post", () => rpcOperation(method, parts));
  }
  return {
    openapi: "3.1.1",
    info: given({ ...info }),
    servers: [{ url: "/" }],
    tags: services.map(({ service }) => given({ name: service.typeName, description: comments.get(service.typeName) })),
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { ...schemas.components(), ...ERROR_SCHEMAS },
      securitySchemes: { bearer: BEARER },
    },
  };
};

const BEARER: JsonObject = {
  type: "http",
  scheme: "bearer",
  bearerFormat: "JWT",
  description: "An access token. The roles of a requirement are alternatives: one of them is enough.",
};

/** A package's own words about its own types come before those that others brought along. */
const allComments = (packages: readonly DocumentedPackage[]): Comments => {
  const all = new Map<string, string>();
  const sets = packages.map(({ name, bytes }) => ({ name, comments: commentsIn(bytes) }));
  for (const { comments } of sets) for (const [name, text] of comments) all.set(name, text);
  for (const { name: packageName, comments } of sets) {
    for (const [name, text] of comments) if (name.startsWith(`${packageName}.`)) all.set(name, text);
  }
  return all;
};

const reachableFrom = (messages: readonly DescMessage[]): ReadonlySet<string> => {
  const seen = new Set<string>();
  const left = [...messages];
  for (let message = left.pop(); message !== undefined; message = left.pop()) {
    if (seen.has(message.typeName)) continue;
    seen.add(message.typeName);
    for (const field of message.fields) if (field.message !== undefined) left.push(field.message);
  }
  return seen;
};
