import { expect, test } from "vitest";
import { pagesOf } from "./pages-of.ts";

const NEXT: Readonly<Record<string, string>> = { "": "b", b: "c", c: "" };

test("a list is asked for page by page, up to its last, and no further than it is read", async () => {
  const asked: string[] = [];
  const ask = async (pageToken: string) => {
    asked.push(pageToken);
    return { nextPageToken: NEXT[pageToken] ?? "" };
  };
  const pages: string[] = [];
  for await (const { nextPageToken } of pagesOf(ask)) pages.push(nextPageToken);
  expect([asked.splice(0), pages]).toEqual([
    ["", "b", "c"],
    ["b", "c", ""],
  ]);
  for await (const { nextPageToken } of pagesOf(ask)) if (nextPageToken === "c") break;
  expect(asked).toEqual(["", "b"]);
});
