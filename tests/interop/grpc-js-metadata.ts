import { Metadata } from "@grpc/grpc-js";

/** Headers as grpc-js has them. */
export const toMetadata = (headers: Headers): Metadata => {
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.set(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  return metadata;
};

/** Headers as Connect has them: binary values in base64. */
export const fromMetadata = (metadata: Metadata): Headers => {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      headers.append(name, typeof value === "string" ? value : value.toString("base64").replace(/=+$/, ""));
    }
  }
  return headers;
};
