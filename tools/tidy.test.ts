import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { codeOf } from "./code-of.ts";
import { LONG_FILES } from "./long-files.ts";

/** Every file that git tracks, and those it would, but for generated code. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter(
    (file) =>
      file !== "" && !/^(gen|examples\/exchange\/go\/contracts)\//.test(file) && !file.endsWith("package-lock.json"),
  );

const sources = files.filter((file) => /\.(ts|js|mjs)$/.test(file));
const code = new Map(sources.map((file) => [file, codeOf(readFileSync(file, "utf8"))]));

/** `file:line` of each line of code that `pattern` matches. */
const matches = (pattern: RegExp, among: (file: string) => boolean): string[] =>
  sources
    .filter(among)
    .flatMap((file) =>
      (code.get(file) ?? "").split("\n").flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
    );

const isTest = (file: string): boolean => file.endsWith(".test.ts") || file.includes("/fixtures/");
const isConfig = (file: string): boolean => /(^|\/)\w+\.config\.ts$/.test(file);

describe("imports point one way: services and cli to mesh, mesh to gen", () => {
  const importsOf = (pattern: string) => new RegExp(`(from|import)\\s*\\(?"${pattern}`);

  test("mesh imports no service and no command", () => {
    expect(
      matches(importsOf("(@heddle/(?!contracts|mesh)|(\\.\\./)+(services|cli)/)"), (file) => file.startsWith("mesh/")),
    ).toEqual([]);
  });

  test("a service imports no other service: it calls it, by its contract", () => {
    const found = matches(importsOf("(@heddle/(?!contracts|mesh)|\\.\\./\\.\\./)"), (file) =>
      file.startsWith("services/"),
    );
    // Handlers are one folder down; their own service is as far as they may reach.
    expect(found.filter((place) => !/services\/\w+\/handlers\/.*/.test(place))).toEqual([]);
    expect(matches(importsOf("\\.\\./\\.\\./\\.\\./"), (file) => file.startsWith("services/"))).toEqual([]);
  });

  test("mesh/wire and mesh/runtime know nothing of what is built on them", () => {
    expect(
      matches(importsOf("\\.\\./(?!runtime)"), (file) => /^mesh\/(wire|runtime)\/[^/]+$/.test(file) && !isTest(file)),
    ).toEqual([]);
    // One folder down, their own folder is as far as they may reach.
    expect(matches(importsOf("\\.\\./\\.\\./"), (file) => /^mesh\/wire\/\w+\//.test(file) && !isTest(file))).toEqual(
      [],
    );
  });
});

/** What must not be called, where it may be, and what to write instead. */
const banned: readonly { what: string; pattern: RegExp; instead: string; allowed: RegExp }[] = [
  {
    what: "Date.now, performance.now and new Date()",
    pattern: /\bDate\.now\(|\bperformance\.now\(|\bnew Date\(\)/,
    instead: "clock of mesh/runtime: a simulator must be able to set the time",
    allowed: /^(mesh\/runtime|bench)\//,
  },
  {
    what: "Math.random, randomUUID and randomBytes",
    pattern: /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(|\brandomInt\(/,
    instead: "random and ids of mesh/runtime: a seed must repeat the run",
    allowed: /^(mesh\/runtime|bench)\//,
  },
  {
    what: "setTimeout and setInterval",
    pattern: /(?<![.\w])set(Timeout|Interval)\(|node:timers/,
    instead: "timers of mesh/runtime",
    allowed: /^(mesh\/runtime|bench)\//,
  },
  {
    what: "console",
    pattern: /(?<![.\w])console\./,
    instead: "the service's log: one JSON object per line",
    allowed: /^(cli|tools|bench|examples|tests)\//,
  },
  {
    what: "export *",
    pattern: /^\s*export \*/,
    instead: "names: a reader must see what a folder offers",
    allowed: /^$/,
  },
  {
    what: "default exports",
    pattern: /^\s*export default\b/,
    instead: "a named export: one name for one thing everywhere",
    allowed: /\.config\.ts$/,
  },
  {
    what: "any and suppressed type errors",
    pattern: /\bas any\b|: any\b(?!\.)|@ts-(ignore|nocheck|expect-error)/,
    instead: "unknown, and a check",
    allowed: /^$/,
  },
  {
    what: "skipped and single tests",
    pattern: /\b(test|it|describe)\.(only|skip|todo)\(/,
    instead: "a test that runs, or none",
    allowed: /^$/,
  },
];

describe("what must not be called", () => {
  test.each(banned)("$what; use $instead", ({ pattern, allowed }) => {
    expect(matches(pattern, (file) => !allowed.test(file) && file !== "tools/tidy.test.ts")).toEqual([]);
  });

  test("SQL stands in store.ts (or store/) and migrations only, and in mesh/store", () => {
    const found = matches(/\bsql<|\bsql\(/, (file) => /^(services|mesh|cli)\//.test(file) && !isTest(file));
    expect(
      found.filter(
        (place) => !/^(services\/\w+|mesh\/(events|replicas|saga))\/store(\/[\w-]+)?\.ts:|^mesh\/store\//.test(place),
      ),
    ).toEqual([]);
  });
});

describe("names", () => {
  test("no folder is called utils, helpers, common or lib: say what is in it", () => {
    expect(
      files.filter(
        (file) => /(^|\/)(utils?|helpers?|common|lib|misc|shared)\//.test(file) && !file.startsWith("proto/common/"),
      ),
    ).toEqual([]);
  });

  test("files are kebab-case", () => {
    const named = sources.filter(
      (file) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.(ts|js|mjs)$/.test(file.split("/").at(-1) ?? ""),
    );
    expect(named).toEqual([]);
  });

  test("notes to ourselves are issues, not comments", () => {
    const found = files
      .filter((file) => /\.(ts|js|proto|sql|sh|md|yaml)$/.test(file) && file !== "tools/tidy.test.ts")
      .flatMap((file) => (/\b(TODO|FIXME|XXX|HACK)\b/.test(readFileSync(file, "utf8")) ? [file] : []));
    expect(found).toEqual([]);
  });
});

describe("size", () => {
  const linesMax = 300;
  const linesOf = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n").length;

  test(`files end by line ${linesMax}, tests and a few explained ones aside`, () => {
    const long = sources.filter((file) => !isTest(file) && linesOf(file) > linesMax && !(file in LONG_FILES));
    expect(long.map((file) => `${file}: ${linesOf(file)} lines`)).toEqual([]);
  });

  test("the list of long files names only files that are long", () => {
    expect(Object.keys(LONG_FILES).filter((file) => !sources.includes(file) || linesOf(file) <= linesMax)).toEqual([]);
  });
});

describe("migrations", () => {
  const released: Readonly<Record<string, string>> = JSON.parse(readFileSync("tools/released-migrations.json", "utf8"));
  const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

  test("a migration that was released is never edited: write the next one", () => {
    const edited = Object.entries(released).filter(([file, hash]) => !files.includes(file) || sha256(file) !== hash);
    expect(edited.map(([file]) => file)).toEqual([]);
  });
});

test("nothing that is built, installed or written at run time is in the tree", () => {
  expect(files.filter((file) => /(^|\/)(dist|node_modules|data)\/|\.(db|db-wal|db-shm|log|tgz)$/.test(file))).toEqual(
    [],
  );
});

test("config files are the only ones named so", () => {
  expect(sources.filter(isConfig).every((file) => !file.includes("/"))).toBe(true);
});
