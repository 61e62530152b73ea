import { expect, test } from "vitest";
import { nearestTemplate } from "./nearest-template.ts";
import { type PathTemplate, parseTemplate } from "./path-template.ts";
import { parsePath } from "./request-path.ts";

test("a path that is too long to be compared is filled into no template", () => {
  let looks = 0;
  function* templates(): Iterable<PathTemplate> {
    looks++;
    yield parseTemplate("/v1/files/{path=**}");
  }
  expect(nearestTemplate(parsePath("/v1/file/a"), templates())).toBe("/v1/files/{path=**}");
  expect(nearestTemplate(parsePath(`/v1/file/${"a".repeat(60_000)}`), templates())).toBeUndefined();
  expect(looks).toBe(1);
});
