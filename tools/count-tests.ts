// Sums the reports of the test runs in a folder and closes with one line. Arguments: the folder, the number of failed steps.
// A step that failed counts as one failure where no failed test explains it, and so does a run without a test.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

const [folder = ".", failedSteps = "0"] = process.argv.slice(2);
const reports = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name): Report => JSON.parse(readFileSync(join(folder, name), "utf8")));
const passed = reports.reduce((sum, { numPassedTests }) => sum + numPassedTests, 0);
const failedTests = reports.reduce((sum, { numFailedTests }) => sum + numFailedTests, 0);
const failed = Math.max(failedTests, Number(failedSteps), passed === 0 ? 1 : 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
