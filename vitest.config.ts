import { defineConfig } from "vitest/config";

// Tests beside programs that a user's machine may lack run by `make test-peers` and `make test-interop`, those that need root and
// take minutes by `make test-chaos`, and all of them in CI.
const beside = {
  "tests/peers/**": process.env.HEDDLE_TEST_PEERS === "1",
  "tests/interop/**": process.env.HEDDLE_TEST_INTEROP === "1",
  "tests/chaos/**": process.env.HEDDLE_TEST_CHAOS === "1",
};
const absent = Object.entries(beside).flatMap(([files, present]) => (present ? [] : [files]));

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["{bench,cli,mesh,services,tests,tools}/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", ...absent],
    // Processes: better-sqlite3 is native, and a test may crash what it starts.
    pool: "forks",
    // Files share a worker and the modules that it has loaded: no test may leave anything behind in them.
    isolate: false,
    maxWorkers: 2,
    execArgv: ["--conditions=source"],
    testTimeout: 30_000,
  },
});
