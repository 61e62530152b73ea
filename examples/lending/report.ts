import { OrderRejectionReason, OrderState } from "@heddle/contracts/order/v1";
import { type CustomerOverview, OverviewSource, SourceState } from "@heddle/contracts/overview/v1";
import { systemTimers } from "@heddle/mesh/runtime";
import type { Audit } from "./audit.ts";
import { held, type Mesh } from "./mesh.ts";
import type { Walk } from "./person-walk.ts";

/** What a run did. Amounts are decimal texts such as `1234.50`. */
export interface Report {
  readonly runId: string;
  readonly people: number;
  readonly numbers: Record<string, number>;
  readonly scores: { readonly lowest: number; readonly median: number; readonly highest: number };
  readonly accounts: number;
  /** How the orders ended. */
  readonly orders: Record<string, number>;
  readonly rejections: Record<string, number>;
  /** By currency. `authorized` is what was held at some time, `held` what still is. */
  readonly money: Record<string, Record<"authorized" | "held" | "captured" | "refunded" | "paid", string>>;
  /** Of the whole mesh, by currency. */
  readonly trialBalance: Record<
    string,
    { readonly debits: string; readonly credits: string; readonly difference: string }
  >;
  readonly overview: Record<string, string> | undefined;
  /** What does not add up. */
  readonly problems: readonly string[];
}

/** Sums up a run. */
export const reportOf = async (
  mesh: Mesh,
  { runId, results, audits }: { runId: string; results: readonly Walk[]; audits: readonly Audit[] },
): Promise<Report> => {
  const problems = audits.flatMap((audit) => audit.problems);
  const trialBalance = await readTrialBalance(mesh, problems);
  const scores = results.map(({ score }) => score).sort((a, b) => a - b);
  const rejected = results.filter(({ order }) => order.state === OrderState.REJECTED);
  return {
    runId,
    people: results.length,
    numbers: countBy(results, ({ number }) => number),
    scores: {
      lowest: scores[0] ?? 0,
      median: scores[Math.floor(scores.length / 2)] ?? 0,
      highest: scores.at(-1) ?? 0,
    },
    accounts: results.filter(({ accountId }) => accountId !== undefined).length,
    orders: countBy(results, ({ order }) => OrderState[order.state].toLowerCase()),
    rejections: countBy(rejected, ({ order }) => OrderRejectionReason[order.rejectionReason].toLowerCase()),
    money: moneyOf(results, audits),
    trialBalance,
    overview: await readOverview(mesh, results, problems),
    problems,
  };
};

const moneyOf = (results: readonly Walk[], audits: readonly Audit[]): Report["money"] => {
  const currencies = [...new Set(results.map(({ order }) => order.total?.currencyCode ?? ""))].sort();
  return Object.fromEntries(
    currencies.map((currency) => {
      const rows = results.flatMap((walk, index) => {
        const audit = audits[index];
        return walk.order.total?.currencyCode === currency && audit !== undefined ? [{ walk, audit }] : [];
      });
      const total = (pick: (row: { walk: Walk; audit: Audit }) => bigint): string =>
        decimal(rows.reduce((sum, row) => sum + pick(row), 0n));
      return [
        currency,
        {
          authorized: total(({ walk: { order } }) => (order.authorizationId ? (order.total?.minorUnits ?? 0n) : 0n)),
          held: total(({ audit }) => audit.held),
          captured: total(({ audit }) => audit.captured),
          refunded: total(({ audit }) => audit.refunded),
          paid: total(({ audit }) => audit.paid),
        },
      ];
    }),
  );
};

/** The books of the whole mesh: debits equal credits in each currency, whatever else goes on meanwhile. */
const readTrialBalance = async ({ billing }: Mesh, problems: string[]): Promise<Report["trialBalance"]> => {
  const { trialBalances } = await billing.getTrialBalance({});
  return Object.fromEntries(
    trialBalances.map(({ currencyCode, debitMinorUnits, creditMinorUnits, balanced }) => {
      const [debits, credits] = [BigInt(debitMinorUnits), BigInt(creditMinorUnits)];
      if (!balanced || debits !== credits)
        problems.push(`the trial balance in ${currencyCode} is off by ${debits - credits}`);
      const texts = { debits: decimal(debits), credits: decimal(credits), difference: decimal(debits - credits) };
      return [currencyCode, texts];
    }),
  );
};

/** All that the mesh knows of one customer, who had an order fulfilled. */
const readOverview = async ({ overviews }: Mesh, results: readonly Walk[], problems: string[]) => {
  const shown = results.find(({ order }) => order.state === OrderState.FULFILLED) ?? results[0];
  if (shown === undefined) return undefined;
  const { customerId, person } = shown;
  const overview = await composed(overviews, customerId);
  for (const { source, state, reason } of overview.sources) {
    if (state !== SourceState.OK)
      problems.push(`the overview of ${customerId} lacks ${OverviewSource[source]}: ${reason}`);
  }
  if (overview.customer?.email !== person.email) problems.push(`the overview of ${customerId} shows somebody else`);
  if ((overview.orders?.fulfilledCount ?? 0) < 1) problems.push(`the overview of ${customerId} lacks its order`);
  return overviewTexts(overview);
};

/** An overview to which every source has answered, or what came when one stays away. */
const composed = async (overviews: Mesh["overviews"], customerId: string): Promise<CustomerOverview> => {
  for (let tries = 1; ; tries++) {
    const { customerOverview } = await overviews.composeCustomerOverview({ customerId });
    const overview = held(customerOverview, "overview");
    const away = overview.sources.some(({ state }) => state === SourceState.UNAVAILABLE);
    if (!away || tries === OVERVIEWS_MAX) return overview;
    await systemTimers.sleep(OVERVIEW_PERIOD_MS);
  }
};

const OVERVIEWS_MAX = 5;
const OVERVIEW_PERIOD_MS = 500;

const overviewTexts = (overview: CustomerOverview): Record<string, string> => {
  const { customer, number, creditScore, account, orders } = overview;
  const money = (amount: { currencyCode: string; minorUnits: bigint } | undefined) =>
    amount === undefined ? "unknown" : `${decimal(amount.minorUnits)} ${amount.currencyCode}`;
  return {
    customer: `${customer?.displayName ?? "unknown"} (${overview.customerId})`,
    number: number?.verified ? "verified" : "not verified",
    score: creditScore === undefined ? "unknown" : `${creditScore.value} (${creditScore.band})`,
    owes: money(account?.balance),
    available: money(account?.availableCredit),
    orders:
      orders === undefined
        ? "unknown"
        : `${orders.totalCount} (${orders.openCount} open, ${orders.fulfilledCount} fulfilled, ${orders.closedCount} closed)`,
  };
};

/** The report for people. */
export const printReport = (report: Report): string => {
  const { scores } = report;
  const counts = (what: Record<string, number>) =>
    Object.entries(what)
      .map(([name, count]) => `${count} ${name.replaceAll("_", " ")}`)
      .join(", ");
  const lines = [
    `run        ${report.runId}`,
    `customers  ${report.people}`,
    `numbers    ${counts(report.numbers)}`,
    `scores     ${scores.lowest} to ${scores.highest}, median ${scores.median}`,
    `accounts   ${report.accounts}`,
    `orders     ${counts(report.orders)}`,
    `rejected   ${counts(report.rejections) || "none"}`,
    "",
    ...table(["money", "authorized", "held", "captured", "refunded", "paid"], report.money),
    "",
    ...table(["trial balance", "debits", "credits", "difference"], report.trialBalance),
    "",
    "overview of one customer",
    ...Object.entries(report.overview ?? {}).map(([name, text]) => `  ${name.padEnd(11)}${text}`),
    "",
    ...(report.problems.length === 0
      ? ["Everything adds up."]
      : [`${report.problems.length} things do not add up:`, ...report.problems.map((problem) => `  ${problem}`)]),
  ];
  return `${lines.join("\n")}\n`;
};

/** Rows by name, amounts to the right. */
const table = (header: readonly string[], rows: Record<string, Record<string, string>>): string[] => {
  const cells = [[...header], ...Object.entries(rows).map(([name, row]) => [name, ...Object.values(row)])];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map(([name = "", ...amounts]) =>
    [name.padEnd(widths[0] ?? 0), ...amounts.map((amount, index) => amount.padStart(widths[index + 1] ?? 0))].join(
      "  ",
    ),
  );
};

const countBy = <T>(items: readonly T[], key: (item: T) => string): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** Minor units of a currency with two decimals, as text. */
const decimal = (minorUnits: bigint): string => {
  const digits = String(minorUnits < 0n ? -minorUnits : minorUnits).padStart(3, "0");
  return `${minorUnits < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};
