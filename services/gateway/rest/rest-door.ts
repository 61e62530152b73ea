import type { DescMethod } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { fail, toRpcError } from "@heddle/mesh/contract";
import type { Logger } from "@heddle/mesh/observe";
import {
  type Binding,
  nearestTemplate,
  PATH_UNKNOWN,
  PATH_UNKNOWN_BUT_NEAR,
  parsePath,
  REST_DOMAIN,
  type RequestPath,
  splitTarget,
  VERB_NOT_ALLOWED,
} from "@heddle/mesh/rest";
import { DEFAULT_RPC_LIMITS, serveUniversal } from "@heddle/mesh/rpc";
import type { Ids, Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { Edge } from "../edge/edge.ts";
import { withFields } from "../edge/with-fields.ts";
import { PATH_UNAVAILABLE } from "../errors.ts";
import type { Catalog } from "../registry/catalog.ts";
import { passageOf } from "../routing/call-plan.ts";
import type { Door } from "../routing/door.ts";
import { SERVICE_RETRY_DELAY_MS } from "../routing/try-later.ts";
import type { Backends } from "../translate/backends.ts";
import { answerRest, type RestCall } from "./rest-answer.ts";
import { emptyResponse, errorResponse, withoutBody } from "./rest-response.ts";
import { createRestRoutes } from "./rest-routes.ts";

export interface RestDoorOptions {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly edge: Edge;
  /** True while the gateway may not know all yet. */
  readonly learning: () => boolean;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Logger;
}

type Answer = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

interface Found {
  readonly answer: Answer;
  readonly fields: readonly string[];
  /** Milliseconds until the request must be whole; undefined: nobody waits for that. */
  readonly requestTimeoutMs?: number | undefined;
}

/**
 * Answers REST by the `google.api.http` of every contract that can be called, and everything else that is no RPC with an error in
 * REST's form: it is the last of the doors. See docs/concepts/rest.md.
 */
export const createRestDoor = (options: RestDoorOptions): Door => {
  const { catalog, edge, learning, timers, ids, log } = options;
  const routes = createRestRoutes(catalog, log);

  /**
   * What the caller is told of something that was thrown: a service's own error as it came.
   *
   * @param path For the log: never with the query, which says what is looked for, such as a person's name.
   */
  const explain = (thrown: unknown, path: string, domain: string): ConnectError => {
    if (thrown instanceof ConnectError && thrown.isWireError) return thrown;
    const { error, id } = toRpcError(thrown, { ids, domain });
    if (id !== undefined) log.error({ err: thrown, errorId: id, path }, "REST call failed");
    return error;
  };
  const unknown = (path: RequestPath): ConnectError => {
    const shown = `/${path.raw.join("/")}`;
    if (learning()) return fail(PATH_UNAVAILABLE, { path: shown }, { retryDelayMs: SERVICE_RETRY_DELAY_MS });
    const nearest = nearestTemplate(path, routes.templates());
    return nearest === undefined
      ? fail(PATH_UNKNOWN, { path: shown })
      : fail(PATH_UNKNOWN_BUT_NEAR, { path: shown, nearest });
  };
  const notAllowed = (verb: string, path: RequestPath, allowed: readonly string[]): ConnectError =>
    fail(VERB_NOT_ALLOWED, { path: `/${path.raw.join("/")}`, allowed: allowed.join(", "), verb });
  const call = (
    binding: Binding,
    target: Pick<RestCall, "path" | "query" | "headers"> & { readonly peer: string },
  ): Answer => {
    const { method, registry } = binding;
    const { headers } = target;
    const told = (thrown: unknown) => explain(thrown, binding.template.text, method.parent.file.proto.package);
    const transport = options.backends.transportFor(method, target);
    return (request) =>
      answerRest({ binding, transport, timers, explain: told, ...target }, request).catch((error: unknown) => {
        // A caller that has left is told nothing, and writes nothing into the log of errors.
        if (request.signal.aborted) throw error;
        return errorResponse(told(error), headers, registry);
      });
  };

  /** What answers a request, and the fields that its answer gets whatever it is; undefined: nobody here. */
  const find = (headers: HeaderList, peer: string): Found | undefined => {
    const refuse = (error: ConnectError, fields: readonly string[] = []) => ({
      answer: () => errorResponse(error, headers),
      fields,
    });
    const verb = headers.get(":method") ?? "";
    const { path: target, query } = splitTarget(headers.get(":path") ?? "/");
    try {
      const path = parsePath(target);
      const match = routes.match(verb, path);
      if ("entry" in match) {
        const binding = match.entry.target;
        const passage = passageOf(edge, { method: binding.method, headers, peer });
        const refusal = passage.check();
        const { answerFields: fields } = passage;
        if (refusal !== undefined) return refuse(refusal, fields);
        const answer = call(binding, { path, query, headers, peer });
        return { answer, fields, requestTimeoutMs: requestTimeoutOf(binding.method) };
      }
      const { allowed } = match;
      if (allowed.length === 0) return isRpc(target, headers) ? undefined : refuse(unknown(path));
      if (verb !== "OPTIONS") return refuse(notAllowed(verb, path, allowed));
      return { answer: async () => emptyResponse(["allow", allowed.join(", ")]), fields: [] };
    } catch (error) {
      return refuse(explain(error, target, REST_DOMAIN));
    }
  };

  return (stream, headers, end) => {
    const found = find(headers, stream.peer);
    if (found === undefined) return false;
    const { answer, fields, requestTimeoutMs } = found;
    const isHead = headers.get(":method") === "HEAD";
    const given: Answer = isHead ? async (request) => withoutBody(await answer(request)) : answer;
    const onError = (error: unknown) =>
      log.debug({ err: error, path: splitTarget(headers.get(":path") ?? "/").path }, "REST reply not delivered");
    void serveUniversal(given, withFields(stream, fields), headers, end, { timers, requestTimeoutMs, onError });
    return true;
  };
};

/** Of a stream of requests every piece is of use by itself. */
const requestTimeoutOf = ({ methodKind }: DescMethod): number | undefined =>
  methodKind === "unary" || methodKind === "server_streaming" ? DEFAULT_RPC_LIMITS.requestTimeoutMs : undefined;

/** A request for an RPC that nobody has, which wants an error in its own protocol. */
const isRpc = (path: string, headers: HeaderList): boolean =>
  METHOD_PATH.test(path) || /^application\/(?:grpc|connect)/.test(headers.get("content-type") ?? "");

const METHOD_PATH = /^\/\w+(?:\.\w+)+\/\w+$/;
