import type { HeaderList } from "../wire/index.ts";
import { PROTOCOL_FIELDS, pushMetadata } from "./grpc-status.ts";

/** A header section as an application sees it: without pseudo-headers. */
export const metadataOf = ({ fields }: HeaderList): Headers => {
  const headers = new Headers();
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] as string;
    if (!name.startsWith(":")) headers.append(name, fields[index + 1] as string);
  }
  return headers;
};

/** Metadata as fields, name and value in turn, without what belongs to the protocol. */
export const metadataFields = (headers: Headers): string[] => {
  const fields: string[] = [];
  for (const [name, value] of headers) if (!PROTOCOL_FIELDS.has(name)) pushMetadata(fields, name, value);
  return fields;
};
