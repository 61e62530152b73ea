import { methodOptions, methodPath } from "@heddle/mesh/contract";
import { IDENTITY_HEADER } from "@heddle/mesh/identity";
import { SERVICE_HEADER } from "@heddle/mesh/rpc";
import { HeaderList } from "@heddle/mesh/wire";
import type { MethodRoute } from "../routing/method-route.ts";

/** How a call's reply is shared with those who ask the same. */
export interface Sharing {
  /** All that makes its request another one than theirs, but for the message. */
  readonly key: string;
  /** What the instance is asked with on behalf of all: nothing that is a single caller's. */
  readonly sent: HeaderList;
}

/** Who a caller is to the service; a reply is shared among those alone who show the same, unless the method is public. */
const CREDENTIALS = ["authorization", "cookie", IDENTITY_HEADER];
/** Characters of credentials that become part of a key. */
const CREDENTIALS_CHARACTERS_MAX = 4_096;

/**
 * How calls of a method that declares `cache` share their replies; undefined when a caller wants none but its own
 * (`cache-control: no-cache`), or the call has been here before, so that it would wait for itself.
 */
export const sharingOf = (method: MethodRoute, headers: HeaderList, instanceId: string): Sharing | undefined => {
  if (method.cacheMs === undefined) return undefined;
  if (/no-cache|no-store/i.test(headers.get("cache-control") ?? "")) return undefined;
  if (headers.get("via")?.includes(instanceId)) return undefined;
  const path = methodPath(method.method);
  const owner = headers.get(SERVICE_HEADER);
  const credentials = methodOptions(method.method).access.public ? [] : fieldsOf(headers, CREDENTIALS);
  if (credentials.reduce((sum, text) => sum + text.length, 0) > CREDENTIALS_CHARACTERS_MAX) return undefined;
  const sent = [":method", "POST", ":scheme", "http", ":authority", "heddle", ":path", path];
  sent.push("content-type", "application/grpc+proto", ...credentials);
  if (owner !== undefined) sent.push(SERVICE_HEADER, owner);
  // No value of a header has a line break in it.
  return { key: [path, owner ?? "", ...credentials, ""].join("\n"), sent: new HeaderList(sent) };
};

/** True for requests by gRPC whose bytes say the same whoever sends them: of the codec that replies are kept in, not compressed. */
export const isPlainGrpc = (headers: HeaderList): boolean =>
  /^application\/grpc(?:\+proto)?(?:$|[;\s])/i.test(headers.get("content-type") ?? "") &&
  (headers.get("grpc-encoding") ?? "identity") === "identity";

const fieldsOf = ({ fields }: HeaderList, names: readonly string[]): string[] => {
  const found: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    if (names.includes(fields[index] as string)) found.push(fields[index] as string, fields[index + 1] as string);
  }
  return found;
};
