import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "./config.ts";
import { pageOrigins } from "./page-origins.ts";

const parse = (text: string) => parseConfig({ ORIGINS: text }, { ORIGINS: pageOrigins({ default: [] }) }).ORIGINS;

test("origins are named one by one", () => {
  expect(parse("")).toEqual([]);
  expect(parse("https://app.example.com, http://localhost:5173")).toEqual([
    "https://app.example.com",
    "http://localhost:5173",
  ]);
});

test.each([
  ["*", "would let every page"],
  ["https://app.example.com/", "no path"],
  ["app.example.com", "not an origin"],
  ["https://App.example.com", "as browsers send it"],
  ["ftp://app.example.com", "not an origin"],
  ["https://app.example.com:443", "as browsers send it"],
])("%s is refused with what to write", (text, why) => {
  expect(() => parse(text)).toThrow(ConfigError);
  expect(() => parse(text)).toThrow(why);
});
