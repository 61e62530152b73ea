import { fail } from "@heddle/mesh/contract";
import type { Logger } from "@heddle/mesh/observe";
import { httpStatusOf, statusJson } from "@heddle/mesh/rest";
import { pathOf } from "@heddle/mesh/rpc";
import type { Timers } from "@heddle/mesh/runtime";
import { ErrorCode, IGNORE } from "@heddle/mesh/wire";
import { DOCUMENT_UNKNOWN } from "../errors.ts";
import type { Catalog } from "../registry/catalog.ts";
import type { Door } from "../routing/door.ts";
import { createApiDocuments } from "./api-documents.ts";
import { ASSETS_PATH, apiPage, PAGE_POLICY } from "./api-page.ts";
import { answerOf, type KeptPage, keptPage } from "./kept-page.ts";
import { createPageAssets } from "./page-assets.ts";
import { type Page, respondPage } from "./respond-page.ts";

/**
 * Documents what can be called: `/openapi.json` all of it, `/openapi/<package>.json` one package, `/docs` and `/docs/<package>`
 * the same as a page. Everything comes from files of this process.
 */
export const docsDoor = (options: {
  catalog: Pick<Catalog, "packages" | "version">;
  /** The gateway's own. */
  version: string;
  timers: Timers;
  log: Logger;
}): Door => {
  const { timers, log } = options;
  const documents = createApiDocuments(options.catalog, options.version);
  const assets = createPageAssets();

  const page = (shown: string | undefined): Promise<KeptPage> | undefined => {
    const packages = documents.packages();
    if (shown !== undefined && !packages.includes(shown)) return undefined;
    return keptPage("text/html", Buffer.from(apiPage(packages, shown)));
  };
  const find = (
    path: string,
  ): { readonly found: Promise<KeptPage> | undefined; readonly fields?: readonly string[] } => {
    if (path === "/openapi.json") return { found: documents.whole() };
    if (path === "/docs" || path === "/docs/") return { found: page(undefined), fields: PAGE_FIELDS };
    if (path.startsWith(ASSETS_PATH)) return { found: assets(path.slice(ASSETS_PATH.length)) };
    if (path.startsWith("/docs/")) return { found: page(path.slice("/docs/".length)), fields: PAGE_FIELDS };
    return { found: documents.of(path.slice("/openapi/".length, -".json".length)) };
  };

  return (stream, headers) => {
    const path = pathOf(headers.get(":path") ?? "/");
    if (!PATHS.test(path)) return false;
    const method = headers.get(":method");
    const respond = (answer: Page) => respondPage(stream, headers, answer, timers);
    if (method !== "GET" && method !== "HEAD") {
      respond({ status: 405, fields: ["allow", "GET, HEAD"] });
      return true;
    }
    stream.handler = IGNORE;
    const answer = async () => {
      const { found, fields } = find(path);
      respond(found === undefined ? unknown(path) : answerOf(await found, headers, fields));
    };
    answer().catch((error: unknown) => {
      log.error({ err: error, path }, "document not made");
      stream.reset(ErrorCode.INTERNAL_ERROR);
    });
    return true;
  };
};

const PATHS = /^\/(?:openapi\.json|openapi\/[^/]+\.json|docs\/?|docs\/[^/]+|docs\/assets\/[^/]+)$/;

const PAGE_FIELDS = ["content-security-policy", PAGE_POLICY, "referrer-policy", "no-referrer"];

const unknown = (path: string): Page => {
  const error = fail(DOCUMENT_UNKNOWN, { path });
  const body = Buffer.from(JSON.stringify(statusJson(error)));
  return { status: httpStatusOf(error), type: "application/json", body };
};
