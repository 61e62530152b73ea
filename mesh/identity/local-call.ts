import type { HeaderList } from "../wire/index.ts";

/**
 * Why a call without credentials is not one of this machine's own user; undefined where it is. A connection from loopback is not
 * enough: a browser makes calls for any page that it shows, and a proxy for anybody.
 *
 * `peer`: the other end of the connection, `host:port`, or `memory` within the process. `pages`: origins whose pages are trusted.
 */
export const notLocalBecause = (
  { fields }: HeaderList,
  peer: string,
  pages: readonly string[] = [],
): string | undefined => {
  if (peer !== "memory" && !isLoopbackHost(peer)) return "it comes from another machine";
  let isInner = peer === "memory";
  let authority: string | undefined;
  let origin: string | undefined;
  let site: string | undefined;
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1] as string;
    switch (fields[index]) {
      case ":authority":
      case "host":
        authority ??= value;
        if (authority !== value) return "it asks for two hosts";
        break;
      case "via":
        // No page can set it: a gateway has.
        isInner = true;
        break;
      case "origin":
        origin = value;
        break;
      case "sec-fetch-site":
        site = value;
        break;
      case "x-forwarded-for":
      case "x-real-ip":
        if (!value.split(",").every(isLoopbackHost)) return "it was forwarded from another machine";
        break;
      case "forwarded":
        if (!value.split(",").every(isForwardedForLoopback)) return "it was forwarded from another machine";
        break;
    }
  }
  // What a gateway makes itself is addressed by no name that anybody could have; it has looked at where that came from.
  if (isInner && authority !== undefined && INTERNAL.has(authority)) return undefined;
  // Another name that leads here is how a page of its owner's would get in (DNS rebinding).
  if (authority !== undefined && !isLoopbackHost(authority)) return `it asks for the host ${authority}`;
  return isOfAnotherPage(authority, origin, site, pages) ? "a page of another origin makes it" : undefined;
};

/** `origin`, `site`: what a browser says of the page; some browsers, and some kinds of request, say only one of the two. */
const isOfAnotherPage = (
  authority: string | undefined,
  origin: string | undefined,
  site: string | undefined,
  pages: readonly string[],
): boolean => {
  if (origin !== undefined && pages.includes(origin)) return false;
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return origin !== undefined && origin !== `http://${authority}` && origin !== `https://${authority}`;
};

/** What calls within the mesh are addressed to, where they say nothing else. */
const INTERNAL = new Set(["memory", "heddle", "instance"]);

/** True for 127.0.0.0/8, ::1 and localhost, each with a port or without. */
export const isLoopbackHost = (text: string): boolean => {
  const host = text.trim().toLowerCase();
  return LOOPBACK.test(host);
};

const LOOPBACK =
  /^(?:(?:localhost|(?:[a-z0-9-]+\.)+localhost|(?:::ffff:)?127(?:\.\d{1,3}){3})(?::\d{1,5})?|::1|\[(?:::1|::ffff:127(?:\.\d{1,3}){3})\](?::\d{1,5})?|::1:\d{1,5})$/;

/** One hop of `Forwarded` (RFC 7239): everything it says of where it comes from is loopback, and it does say so. */
const isForwardedForLoopback = (hop: string): boolean => {
  const from = /(?:^|;)\s*for=("?)([^;"]*)\1\s*(?:;|$)/i.exec(hop)?.[2];
  return from !== undefined && isLoopbackHost(from);
};
