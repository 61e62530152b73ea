export { type DocumentedPackage, openApiDocument } from "./document.ts";
export type { JsonObject } from "./json.ts";
