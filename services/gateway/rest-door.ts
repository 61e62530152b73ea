import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
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
import { serveUniversal } from "@heddle/mesh/rpc";
import type { Ids, Timers } from "@heddle/mesh/runtime";
import type { HeaderList } from "@heddle/mesh/wire";
import type { Backends } from "./backends.ts";
import { passageOf } from "./call-plan.ts";
import type { Catalog } from "./catalog.ts";
import type { Door } from "./door.ts";
import type { Edge } from "./edge.ts";
import { PATH_UNAVAILABLE } from "./errors.ts";
import { RETRY_DELAY_MS } from "./instance-pool.ts";
import type { Learning } from "./learning.ts";
import { answerRest, type RestCall } from "./rest-answer.ts";
import { emptyResponse, errorResponse, withoutBody } from "./rest-response.ts";
import { createRestRoutes } from "./rest-routes.ts";
import { withFields } from "./with-fields.ts";

export interface RestDoorOptions {
  readonly catalog: Catalog;
  readonly backends: Backends;
  readonly edge: Edge;
  readonly learning: Learning;
  readonly timers: Timers;
  readonly ids: Ids;
  readonly log: Logger;
}

type Answer = (request: UniversalServerRequest) => Promise<UniversalServerResponse>;

/**
 * Answers REST by the `google.api.http` of every contract that can be called, and everything else that is no RPC with an error in
 * REST's form: it is the last of the doors. See docs/concepts/rest.md.
 */
export const createRestDoor = (options: RestDoorOptions): Door => {
  const { catalog, edge, learning, timers, ids, log } = options;
  const routes = createRestRoutes(catalog, log);

  /** What keeps a call from being made, or went wrong in it, as the caller is told. */
  const refuse = async (
    thrown: unknown,
    headers: HeaderList,
    method?: DescMethod,
  ): Promise<UniversalServerResponse> => {
    const domain = method?.parent.file.proto.package ?? REST_DOMAIN;
    const { error, id } = toRpcError(thrown, { ids, domain });
    if (id !== undefined) log.error({ err: thrown, errorId: id, path: headers.get(":path") }, "REST call failed");
    return errorResponse(error, headers);
  };
  const unknown = (path: RequestPath): ConnectError => {
    const shown = `/${path.raw.join("/")}`;
    if (learning()) return fail(PATH_UNAVAILABLE, { path: shown }, { retryDelayMs: RETRY_DELAY_MS });
    const nearest = nearestTemplate(path, routes.templates());
    return nearest === undefined
      ? fail(PATH_UNKNOWN, { path: shown })
      : fail(PATH_UNKNOWN_BUT_NEAR, { path: shown, nearest });
  };
  const notAllowed = (verb: string, path: RequestPath, allowed: readonly string[]): ConnectError =>
    fail(VERB_NOT_ALLOWED, { path: `/${path.raw.join("/")}`, allowed: allowed.join(", "), verb });
  const call = (
    binding: Binding,
    target: Pick<RestCall, "path" | "query" | "headers" | "sampler"> & { readonly peer: string },
  ): Answer => {
    const { method } = binding;
    const transport = options.backends.transportFor(method, target);
    return (request) =>
      answerRest({ binding, transport, timers, ids, ...target }, request).catch((error: unknown) =>
        refuse(error, target.headers, method),
      );
  };

  return (stream, headers, end) => {
    const verb = headers.get(":method") ?? "";
    const { path: target, query } = splitTarget(headers.get(":path") ?? "/");
    let answer: Answer;
    let fields: readonly string[] = [];
    try {
      const path = parsePath(target);
      const match = routes.match(verb, path);
      if ("entry" in match) {
        const binding = match.entry.target;
        const passage = passageOf(edge, { method: binding.method, headers, peer: stream.peer });
        const refusal = passage.check();
        fields = passage.answerFields;
        answer =
          refusal === undefined
            ? call(binding, { path, query, headers, peer: stream.peer, sampler: passage.sampler })
            : () => refuse(refusal, headers, binding.method);
      } else if (match.allowed.length > 0) {
        const allow = match.allowed;
        answer =
          verb === "OPTIONS"
            ? async () => emptyResponse(["allow", allow.join(", ")])
            : () => refuse(notAllowed(verb, path, allow), headers);
      } else if (isRpc(target, headers)) return false;
      else answer = () => refuse(unknown(path), headers);
    } catch (error) {
      answer = () => refuse(error, headers);
    }
    const given =
      verb === "HEAD" ? async (request: UniversalServerRequest) => withoutBody(await answer(request)) : answer;
    const onError = (error: unknown) => log.debug({ err: error, path: target }, "REST reply not delivered");
    void serveUniversal(given, withFields(stream, fields), headers, end, { timers, onError });
    return true;
  };
};

/** A request for an RPC that nobody has, which wants an error in its own protocol. */
const isRpc = (path: string, headers: HeaderList): boolean =>
  METHOD_PATH.test(path) || /^application\/(?:grpc|connect)/.test(headers.get("content-type") ?? "");

const METHOD_PATH = /^\/\w+(?:\.\w+)+\/\w+$/;
