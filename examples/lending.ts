import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { systemClock } from "@heddle/mesh/runtime";
import { audit } from "./lending/audit.ts";
import { workAsClerk } from "./lending/clerk.ts";
import { inParallel } from "./lending/in-parallel.ts";
import { connectToMesh } from "./lending/mesh.ts";
import { PeopleError, parsePeople } from "./lending/people.ts";
import { walk } from "./lending/person-walk.ts";
import { showProgress } from "./lending/progress.ts";
import { printReport, reportOf } from "./lending/report.ts";

const USAGE = `Usage: examples/lending.sh [options]

Takes the people of a CSV file through the whole job of a running mesh (make up): customers are created, their numbers
registered and verified, scores read, accounts opened, orders placed, fulfilled, cancelled and returned, bills paid. Prints
what was done, and checks that it adds up.

  --url URL          the gateway (default: $HEDDLE_URL, $HEDDLE_GATEWAY, port $HEDDLE_PORT, or 8080)
  --people FILE      the people (default: examples/people.csv; examples/README.md describes it)
  --run ID           names this run, 1 to 32 letters, digits, dots, dashes (default: demo). The same run again changes
                     nothing; another one has the same people place another order each.
  --parallel N       people at a time, 1 to 200 (default: 16)
  --json             print the report as JSON
  --help             print this

HEDDLE_TOKEN holds an operator's access token, where the mesh asks for credentials: it is used once, to make clerk@example.com a
clerk and an auditor.

The report goes to stdout, progress to stderr. Exit code: 0 all adds up, 1 it does not or the mesh failed, 2 wrong usage.
`;

/** Ends the program with a message for whoever typed the command. */
const exit = (code: number, message: string): never => {
  process.stderr.write(`${message}\n`);
  return process.exit(code);
};

const options = (() => {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: "string", default: defaultUrl(process.env) },
        people: { type: "string", default: new URL("./people.csv", import.meta.url).pathname },
        run: { type: "string", default: "demo" },
        parallel: { type: "string", default: "16" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (!/^[A-Za-z0-9.-]{1,32}$/.test(values.run)) throw new TypeError(`--run ${values.run}: no run id`);
    if (!/^[1-9]\d{0,2}$/.test(values.parallel) || Number(values.parallel) > 200) {
      throw new TypeError(`--parallel ${values.parallel}: not a number from 1 to 200`);
    }
    if (!URL.canParse(values.url)) throw new TypeError(`--url ${values.url}: not like http://127.0.0.1:8080`);
    return values;
  } catch (error) {
    return exit(2, `${(error as Error).message}\nNext step: examples/lending.sh --help`);
  }
})();

const readPeople = () => {
  try {
    return parsePeople(readFileSync(options.people, "utf8"));
  } catch (error) {
    if (error instanceof PeopleError) return exit(2, `${options.people}:${error.line}: ${error.message}`);
    return exit(2, `${options.people} cannot be read: ${(error as Error).message}`);
  }
};

/** What failed, in one line, with the reason that the mesh gives and the next step where we know it. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  // An error without a reason was made on this side: the gateway was not reached.
  const failed = error.cause instanceof ConnectError ? error.cause : error;
  if (failed instanceof ConnectError && failed.findDetails(ErrorInfoSchema).length === 0) {
    return `${error.message}\nNext step: make up, then npx heddle wait; or name the gateway with --url (now ${options.url})`;
  }
  const reason = failed instanceof ConnectError ? failed.findDetails(ErrorInfoSchema)[0]?.reason : undefined;
  if (reason === "CREDENTIALS_MISSING") {
    return `${error.message}\nNext step: HEDDLE_TOKEN=<an operator's access token> examples/lending.sh`;
  }
  return error.message;
};

const main = async (): Promise<number> => {
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const people = readPeople();
  const startMs = systemClock.monotonicMs();
  const connection = connectToMesh(options.url);
  try {
    const { mesh, logout } = await workAsClerk(connection);
    const parallel = Number(options.parallel);
    const walking = showProgress("people", people.length);
    const results = await inParallel(people, parallel, (person) =>
      walk(mesh, person, options.run).finally(walking.step),
    );
    const auditing = showProgress("audits", people.length);
    const audits = await inParallel(results, parallel, (result) =>
      audit(mesh, result, options.run).finally(auditing.step),
    );
    const report = await reportOf(mesh, { runId: options.run, results, audits });
    await logout();
    process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : printReport(report));
    const seconds = ((systemClock.monotonicMs() - startMs) / 1000).toFixed(1);
    process.stderr.write(`${people.length} people in ${seconds} s\n`);
    return report.problems.length === 0 ? 0 : 1;
  } finally {
    connection.close();
  }
};

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${describe(error)}\n`);
  return 1;
});

/** Where `heddle` finds the mesh too. */
function defaultUrl(env: NodeJS.ProcessEnv): string {
  return env.HEDDLE_URL || env.HEDDLE_GATEWAY || `http://127.0.0.1:${env.HEDDLE_PORT || 8080}`;
}
