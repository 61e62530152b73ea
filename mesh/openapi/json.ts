/** A JSON object that is put together member by member; members that are undefined are not written. */
export type JsonObject = { [name: string]: unknown };

/** The same without the members that are undefined. */
export const given = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
