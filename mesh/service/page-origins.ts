import { EnvError, makeValidator } from "envalid";

/** Web origins (RFC 6454) as browsers write them, such as `https://app.example.com`. */
export const pageOrigins = makeValidator<readonly string[]>((text) => {
  const origins = text
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "");
  for (const origin of origins) {
    if (origin === "*")
      throw new EnvError(
        '"*" would let every page that a browser shows call in its user\'s place. Name the origins, as in https://app.example.com,http://localhost:5173',
      );
    const url = URL.parse(origin);
    if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== origin)
      throw new EnvError(
        `"${origin}" is not an origin as browsers send it, such as https://app.example.com or http://localhost:5173: scheme, host and port, no path`,
      );
  }
  return origins;
});
