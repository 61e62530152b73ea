import { RE2JS } from "@bufbuild/re2";
import { expect, test } from "vitest";
import { idPattern } from "./id-pattern.ts";

const ID = "^cus_[0-9a-hjkmnp-tv-z]{26}$";
const good = `cus_${"0hjk".repeat(6)}tz`;

test.each([ID, "^[A-Z]{3}$", "^ab-c_[x]{2}$", "^v[0-9A-Fa-f]{12}$"])("%s matches what RE2 matches", (pattern) => {
  const all = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code));
  const ids = all.map((character) => `${good.slice(0, 17)}${character}${good.slice(18)}`);
  const short = all.flatMap((character) => [`A${character}C`, `ab-c_x${character}`, `v0123456789a${character}`]);
  const odd = [
    "",
    good,
    `${good}0`,
    good.slice(1),
    `x${good.slice(1)}`,
    `${good}\n`,
    `\n${good}`,
    good.toUpperCase(),
    "😀A",
  ];
  const matcher = idPattern(pattern);
  const expected = RE2JS.compile(pattern);
  for (const text of [...odd, ...ids, ...short])
    expect([text, matcher?.test(text)]).toEqual([text, expected.test(text)]);
});

test.each([
  "cus_[0-9]{26}$",
  "^cus_[0-9]{26}",
  "^cus.[0-9]{26}$",
  "^cus_[^0-9]{26}$",
  "^cus_[0-9_]{26}$",
  "^cus_[0-9]{8,64}$",
  "^cus_[0-9]{0}$",
  "^(cus_[0-9]{26})$",
  "^[a-z][0-9]{26}$",
])("%s is left to others", (pattern) => {
  expect(idPattern(pattern)).toBeUndefined();
});
