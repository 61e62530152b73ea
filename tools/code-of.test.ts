import { expect, test } from "vitest";
import { codeOf } from "./code-of.ts";

test("comments go, lines and strings stay", () => {
  expect(codeOf('a(); // b()\n/* c()\n d() */ e("http://f");\n/** g() */')).toBe('a(); \n\n e("http://f");\n');
});
