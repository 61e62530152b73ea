import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRuntime } from "@heddle/mesh/runtime";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { chaosPlan } from "./soak/chaos-plan.ts";
import { allChecks } from "./soak/checks/all-checks.ts";
import { numbersAreSecret } from "./soak/checks/secrecy.ts";
import { type LedgerLine, ledgerFile } from "./soak/ledger.ts";
import { lives } from "./soak/life.ts";
import { logFolder } from "./soak/processes.ts";
import { printReport, reportOf } from "./soak/report.ts";
import { readEvidence, type SoakResult, soak } from "./soak/soak.ts";
import { databaseFile } from "./soak/stores.ts";

/** Another one for each run; a run that failed is repeated by `make soak SECONDS=5 SEED=…`. */
const SEED = 1 + systemRuntime().random.below(2 ** 31 - 1);
const SECONDS = 5;
const WORKERS = 6;

const folder = mkdtempSync(join(tmpdir(), "heddle-crash-"));
let run: SoakResult;

beforeAll(async () => {
  console.log(`crash test: seed ${SEED}`);
  run = await soak({ folder, seed: SEED, seconds: SECONDS, workers: WORKERS, progress: () => undefined });
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("services are killed, stopped and restarted under load, and no promise is broken", () => {
  const report = reportOf(run);
  console.log(printReport(report));
  expect(report.checks.filter(({ violations }) => violations.length > 0)).toEqual([]);
  expect(run.stores.orders.length).toBeGreaterThan(0);
  expect(run.checks.length).toBeGreaterThan(15);
});

test("a seed repeats the plan of chaos and the lives of the customers", () => {
  const services = ["gateway", "order", "billing"];
  expect(chaosPlan(7, 20, services)).toEqual(chaosPlan(7, 20, services));
  expect(chaosPlan(7, 20, services)).not.toEqual(chaosPlan(8, 20, services));
  const firstLives = (seed: number) => {
    const stream = lives(seed, 3);
    return Array.from({ length: 5 }, () => stream.next().value);
  };
  expect(firstLives(7)).toEqual(firstLives(7));
  expect(firstLives(7)).not.toEqual(firstLives(8));
});

test("no two customers of a run have one number", () => {
  const numbers = Array.from({ length: 8 }, (_, worker) => {
    const stream = lives(1, worker);
    return Array.from({ length: 200 }, () => stream.next().value.number);
  }).flat();
  expect(new Set(numbers).size).toBe(numbers.length);
});

/** What somebody could do to the data behind the services' backs, and the check that must name it. */
const TAMPERINGS: readonly {
  readonly what: string;
  readonly tamper: (copy: string) => void;
  readonly check: RegExp;
  readonly names: RegExp;
}[] = [
  {
    what: "an acknowledged order is gone",
    tamper: (copy) => change(copy, "order", `DELETE FROM orders WHERE id = ${FULFILLED}`),
    check: /nothing acknowledged is lost: orders/,
    names: /order ord_\w+ is lost/,
  },
  {
    what: "a fulfilled order is confirmed again",
    tamper: (copy) => change(copy, "order", `UPDATE orders SET state = 2 WHERE id = ${FULFILLED}`),
    check: /nothing acknowledged is lost: orders/,
    names: /was FULFILLED, and is CONFIRMED/,
  },
  {
    what: "an acknowledged customer is gone",
    tamper: (copy) => change(copy, "customer", "DELETE FROM customers WHERE id = (SELECT min(id) FROM customers)"),
    check: /nothing acknowledged is lost: customers/,
    names: /customer cus_\w+ is lost/,
  },
  {
    what: "an acknowledged score is another",
    tamper: (copy) => change(copy, "creditscore", "UPDATE credit_scores SET value = 850 - value % 100"),
    check: /nothing acknowledged is lost: customers/,
    names: /score scr_\w+ is lost, or another/,
  },
  {
    what: "an order is charged twice",
    tamper: (copy) =>
      change(
        copy,
        "billing",
        `INSERT INTO ledger_entries (id, transaction_id, account_id, currency_code, ledger_account, side, amount)
           SELECT id || 'again', 'txn_again', account_id, currency_code, ledger_account, side, amount
           FROM ledger_entries WHERE transaction_id = ${CAPTURE}`,
        `INSERT INTO ledger_transactions
           SELECT 'txn_again', account_id, currency_code, kind, authorization_id, reference, create_time_ms
           FROM ledger_transactions WHERE id = ${CAPTURE}`,
      ),
    check: /nothing is charged, refunded or paid twice/,
    names: /capture of ord_\w+ was booked 2 times/,
  },
  {
    what: "a booking is one-sided",
    tamper: (copy) =>
      change(
        copy,
        "billing",
        `UPDATE ledger_entries SET amount = amount + 1 WHERE transaction_id = ${CAPTURE} AND side = 'debit'`,
      ),
    check: /debits equal credits/,
    names: /booking txn_\w+: debits are/,
  },
  {
    what: "a balance is not what was booked",
    tamper: (copy) =>
      change(copy, "billing", "UPDATE accounts SET balance = balance + 5 WHERE id = (SELECT min(id) FROM accounts)"),
    check: /balances are the sum/,
    names: /account acc_\w+ says that/,
  },
  {
    what: "a credit limit is not the last one that was set",
    tamper: (copy) => change(copy, "billing", "UPDATE accounts SET credit_limit = credit_limit + 1"),
    check: /the last acknowledged word holds/,
    names: /account acc_\w+ has limit/,
  },
  {
    what: "a hold stays when its order is rejected",
    tamper: (copy) =>
      change(copy, "order", `UPDATE orders SET state = 3, rejection_reason = 8, authorization_id = '' WHERE state = 2`),
    check: /no authorization outlives its order/,
    names: /authorization auz_\w+ is authorized, its order ord_\w+ is REJECTED/,
  },
  {
    what: "a charge is not of the order's authorization",
    tamper: (copy) => change(copy, "order", `UPDATE orders SET authorization_id = 'auz_other' WHERE id = ${FULFILLED}`),
    check: /no authorization outlives its order/,
    names: /order ord_\w+ is FULFILLED, its authorization is none/,
  },
  {
    what: "an order was never decided",
    tamper: (copy) => change(copy, "order", `UPDATE orders SET state = 1 WHERE id = ${FULFILLED}`),
    check: /no saga hangs/,
    names: /order ord_\w+ is pending/,
  },
  {
    what: "the mesh works no more",
    tamper: (copy) => tamperAnswers(copy, ({ orders }) => orders.splice(0)),
    check: /once the chaos is over everything works/,
    names: /calm-fulfil: the order is UNSPECIFIED/,
  },
  {
    what: "a watcher was told twice",
    tamper: (copy) => {
      const line = ledgerLines(copy).find(({ kind }) => kind === "watched");
      if (line !== undefined) append(copy, line);
    },
    check: /who watches an order is told of each transition once/,
    names: /order ord_\w+: was told 1:1,/,
  },
  {
    what: "a saga never ended",
    tamper: (copy) =>
      tamperAnswers(copy, ({ sagas }) => Object.assign(sagas[0] ?? {}, { state: "SAGA_STATE_RUNNING" })),
    check: /no saga hangs/,
    names: /saga \w+ \([\w-]+ of \w+\) is RUNNING/,
  },
  {
    what: "an order outlives the deletion of its customer",
    tamper: (copy) => change(copy, "customer", "UPDATE customers SET delete_time_ms = 1 WHERE email LIKE 'calm.%'"),
    check: /a deleted customer has no open order and no number/,
    names: /customer cus_\w+ is deleted, its order ord_\w+ is still confirmed/,
  },
  {
    what: "an event never took effect",
    tamper: (copy) =>
      tamperAnswers(copy, ({ subscriptions }) =>
        Object.assign(subscriptions[0]?.subscription ?? {}, { deadLetters: "3", lastError: "no such order" }),
      ),
    check: /every event took effect/,
    names: /has 3 dead letters of \w+, the last error was: no such order/,
  },
  {
    what: "an event was counted twice",
    tamper: (copy) =>
      change(
        copy,
        "creditscore",
        "UPDATE credit_scores SET value = value + 10 WHERE customer_id = (SELECT max(customer_id) FROM credit_scores)",
      ),
    check: /credit scores are the fold of the events/,
    names: /customer cus_\w+: score scr_\w+ is \d+, its events make \d+/,
  },
  {
    what: "a view is not what the events say",
    tamper: (copy) => tamperAnswers(copy, ({ views }) => Object.assign(views[0] ?? {}, { orders: { totalCount: 99 } })),
    check: /overview's view is the fold/,
    names: /customer cus_\w+: the view's orders is .*99/,
  },
  {
    what: "a view is missing",
    tamper: (copy) => tamperAnswers(copy, ({ views }) => views.splice(0, 1)),
    check: /overview's view is the fold/,
    names: /customer cus_\w+ has no view/,
  },
  {
    what: "an event is lost",
    tamper: (copy) => change(copy, "billing", "DELETE FROM heddle_events WHERE sequence = 2"),
    check: /events are numbered without holes/,
    names: /billing: event 2 is missing/,
  },
  {
    what: "a transition was published by no event",
    tamper: (copy) =>
      change(copy, "order", `DELETE FROM heddle_events WHERE key = ${FULFILLED} AND type LIKE '%OrderConfirmed'`),
    check: /transitions, events and state agree/,
    names: /order ord_\w+: its events/,
  },
  {
    what: "a customer is deleted without an event",
    tamper: (copy) => change(copy, "customer", "UPDATE customers SET delete_time_ms = 1 - coalesce(delete_time_ms, 0)"),
    check: /the last event of each resource tells its state|the last acknowledged word/,
    names: /customer cus_\w+ is|customer cus_\w+: its last event/,
  },
  {
    what: "a request id got two answers",
    tamper: (copy) => {
      const line = ledgerLines(copy).find((one) => one.kind === "acknowledged" && one.call.endsWith("place"));
      if (line?.kind !== "acknowledged") throw new Error("no order was acknowledged");
      append(copy, { ...line, answer: { order: { ...(line.answer.order as object), etag: "another" } } });
    },
    check: /the same request id gets the same answer/,
    names: /place: was answered/,
  },
  {
    what: "an answer was acknowledged that the store never kept",
    tamper: (copy) => {
      const line = ledgerLines(copy).find((one) => one.kind === "acknowledged" && one.call.endsWith(" create"));
      if (line?.kind !== "acknowledged") throw new Error("no customer was acknowledged");
      append(copy, { ...line, answer: { customer: { ...(line.answer.customer as object), id: "cus_lost" } } });
    },
    check: /nothing acknowledged is lost: customers/,
    names: /customer cus_lost is lost/,
  },
  {
    what: "one request made two orders",
    tamper: (copy) => tamperAnswers(copy, ({ orders }) => orders.push({ ...orders[0], id: "ord_second" })),
    check: /each request made one order at most/,
    names: /2 orders were made/,
  },
  {
    what: "a request failed for a reason that no contract has",
    tamper: (copy) => {
      const line = ledgerLines(copy).find(({ kind }) => kind === "sent");
      if (line?.kind !== "sent") throw new Error("nothing was sent");
      append(copy, { call: line.call, atMs: line.atMs, kind: "unanswered", code: "Internal", message: "bug" });
    },
    check: /errors are those that the contracts promise/,
    names: /failed with Internal/,
  },
];

describe("the checks name what is broken", () => {
  test.each(TAMPERINGS)("$what", async ({ tamper, check, names }) => {
    const copy = copyOfRun();
    tamper(copy);
    const broken = allChecks(await readEvidence(copy), []).filter(({ violations }) => violations.length > 0);
    const found = broken.filter(({ name }) => check.test(name));
    expect(broken.map(({ name }) => name)).toContainEqual(expect.stringMatching(check));
    expect(found.flatMap(({ violations }) => violations)).toContainEqual(expect.stringMatching(names));
  });

  test("a number in plain is found in logs and in databases", () => {
    const copy = copyOfRun();
    // None that a comment of a contract gives as an example: the gateway keeps those.
    const numbers = new Set(["876543219", "765432198"]);
    expect(numbersAreSecret(copy, numbers).violations).toEqual([]);
    appendFileSync(join(logFolder(copy), "order.log"), "the number is 876-54-3219\n");
    change(copy, "order", "CREATE TABLE leak AS SELECT '9765432198' AS number");
    expect(numbersAreSecret(copy, numbers).violations).toHaveLength(2);
  });

  test("what still moves when the wait is over is named", async () => {
    const checks = allChecks(await readEvidence(copyOfRun()), ["billing does not serve"]);
    expect(checks.flatMap(({ violations }) => violations)).toEqual([
      "still moving when the wait was over: billing does not serve",
    ]);
  });
});

/** An order that was fulfilled, and acknowledged so. */
const FULFILLED = "(SELECT min(id) FROM orders WHERE state = 5)";
/** The booking of one charge. */
const CAPTURE = "(SELECT min(id) FROM ledger_transactions WHERE kind = 'capture' AND id <> 'txn_again')";

const copyOfRun = (): string => {
  const copy = mkdtempSync(join(tmpdir(), "heddle-tampered-"));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(folder, copy, { recursive: true });
  return copy;
};

/** Changes rows as somebody with the file in hands can: past triggers, checks and keys. */
const change = (copy: string, service: string, ...statements: string[]): void => {
  const database = new Database(databaseFile(copy, service));
  try {
    database.pragma("foreign_keys = OFF");
    database.pragma("ignore_check_constraints = ON");
    const triggers = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all();
    for (const name of triggers) database.exec(`DROP TRIGGER "${name}"`);
    for (const statement of statements) database.exec(statement);
  } finally {
    database.close();
  }
};

interface AnswersJson {
  readonly orders: object[];
  readonly sagas: object[];
  readonly views: object[];
  readonly subscriptions: { readonly subscription: object }[];
}

const tamperAnswers = (copy: string, tamper: (answers: AnswersJson) => void): void => {
  const file = join(copy, "answers.json");
  const answers = JSON.parse(readFileSync(file, "utf8"));
  tamper(answers);
  writeFileSync(file, JSON.stringify(answers));
};

const ledgerLines = (copy: string): LedgerLine[] =>
  readFileSync(ledgerFile(copy), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

const append = (copy: string, line: LedgerLine): void => appendFileSync(ledgerFile(copy), `${JSON.stringify(line)}\n`);
