/** RFC 7541, Appendix A: the fields that both ends know from the start. Index 0 is not used. */
const FIELDS: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** How many fields the static table has: the dynamic table's indices begin above (RFC 7541, 2.3.3). */
export const STATIC_COUNT = FIELDS.length;

/** Names and values by index, from 1. */
export const STATIC_NAMES: readonly string[] = ["", ...FIELDS.map(([name]) => name)];
export const STATIC_VALUES: readonly string[] = ["", ...FIELDS.map(([, value]) => value)];

/** The first index of a name, and every value that it has with its index. */
export interface StaticName {
  readonly index: number;
  readonly indexOfValue: ReadonlyMap<string, number>;
}

const byName = new Map<string, { index: number; indexOfValue: Map<string, number> }>();
for (const [position, [name, value]] of FIELDS.entries()) {
  const known = byName.get(name) ?? { index: position + 1, indexOfValue: new Map() };
  // An empty value says "the name alone" in Appendix A, but is as good as any other as a field.
  known.indexOfValue.set(value, position + 1);
  byName.set(name, known);
}
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = byName;
