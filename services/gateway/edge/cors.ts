import { fail } from "@heddle/mesh/contract";
import { type HttpHandler, respondError } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import { ORIGIN_NOT_ALLOWED } from "../errors.ts";
import { respondPage } from "../pages/respond-page.ts";
import { CallPlan } from "../routing/call-plan.ts";
import { withFields } from "./with-fields.ts";

/** Seconds for which a browser may remember a preflight: the most that any of them does. */
const MAX_AGE_SECONDS = 7_200;
const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
/** What pages may read of an answer: all of it, also in browsers that do not know `*`. */
const EXPOSED = [
  "*",
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-encoding",
  "content-encoding",
  "connect-content-encoding",
  "age",
  "deprecation",
  "etag",
  "link",
  "retry-after",
  "sunset",
].join(", ");

/**
 * Decides which web pages may call (WHATWG Fetch, CORS protocol), around everything that the gateway answers: those that it
 * serves itself, and those of `origins`. Any other page is refused, not only kept from reading the answer: without a preflight it
 * could still have changed something. What comes without an `origin`, as from every other program, passes.
 *
 * Cookies mean nothing to the mesh, so that browsers are never asked to send them.
 */
export const createCors = (origins: readonly string[], timers: Timers): ((handle: HttpHandler) => HttpHandler) => {
  const allowed = new Map(
    origins.map((origin) => [
      origin,
      ["access-control-allow-origin", origin, "access-control-expose-headers", EXPOSED, "vary", "origin"],
    ]),
  );
  return (handle) => (stream, headers, end) => {
    const { memo } = headers;
    const plan = memo instanceof CallPlan ? memo : undefined;
    // What comes from this process it has let in already, where it is made for a page: its host is no longer the one that was asked.
    const origin = plan?.isFromProgram || stream.peer === "memory" ? undefined : headers.get("origin");
    if (origin === undefined || isOwn(origin, headers)) {
      if (plan !== undefined) plan.isFromProgram = true;
      handle(stream, headers, end);
      return;
    }
    const fields = allowed.get(origin);
    const isPreflight =
      headers.get(":method") === "OPTIONS" && headers.get("access-control-request-method") !== undefined;
    if (fields === undefined) refuse(stream, headers, origin, isPreflight, timers);
    else if (isPreflight) respondPage(stream, headers, preflight(origin, headers), timers);
    else handle(withFields(stream, fields), headers, end);
  };
};

/** A page that came from here. Whoever ends TLS before the gateway changes the scheme, not the name. */
const isOwn = (origin: string, headers: HeaderList): boolean => {
  const authority = headers.get(":authority");
  return authority !== undefined && (origin === `http://${authority}` || origin === `https://${authority}`);
};

const preflight = (origin: string, headers: HeaderList) => {
  const asked = headers.get("access-control-request-headers");
  return {
    status: 204,
    fields: [
      ...["access-control-allow-origin", origin],
      ...["access-control-allow-methods", METHODS],
      // A page that may call may send metadata of any name.
      ...(asked !== undefined && NAMES.test(asked) ? ["access-control-allow-headers", asked] : []),
      ...["access-control-max-age", String(MAX_AGE_SECONDS)],
      ...["vary", "origin, access-control-request-headers"],
    ],
  };
};

/** A list of field names (RFC 9110, 5.6.1 and 5.6.2). */
const NAMES = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[\t ]*,[\t ]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/;

const refuse = (
  stream: HttpStream,
  headers: HeaderList,
  origin: string,
  isPreflight: boolean,
  timers: Timers,
): void => {
  const error = fail(ORIGIN_NOT_ALLOWED, { origin });
  if (isPreflight) {
    const body = Buffer.from(`${error.rawMessage}\n`);
    respondPage(stream, headers, { status: 403, fields: ["vary", "origin"], type: "text/plain", body }, timers);
  } else {
    respondError(stream, headers, error, timers);
  }
};
