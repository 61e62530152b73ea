import { CsvError } from "csv-parse";
import { parse } from "csv-parse/sync";

/** One person of the file, and what it does. */
export interface Person {
  /** The line of the file, from 1. */
  readonly line: number;
  readonly givenName: string;
  readonly familyName: string;
  readonly email: string;
  readonly phone: string;
  readonly birthDate: { readonly year: number; readonly month: number; readonly day: number };
  readonly address: {
    readonly lines: string[];
    readonly city: string;
    readonly region: string;
    readonly postalCode: string;
    readonly countryCode: string;
  };
  /** The social security number that is handed in; empty: none is. */
  readonly number: string;
  /** The number as it is handed in a second time; empty: it is not. */
  readonly numberRepeated: string;
  /** Absent: the person opens no account. */
  readonly creditLimit: Money | undefined;
  readonly lines: readonly { sku: string; description: string; quantity: number; unitPrice: Money }[];
  readonly wish: Wish;
  /** The part of a fulfilled order that is paid, 0 to 100. */
  readonly paysPercent: number;
}

export interface Money {
  readonly currencyCode: string;
  readonly minorUnits: bigint;
}

const WISHES = ["fulfil", "wait", "cancel", "return"] as const;

/** What becomes of a confirmed order; a returned one is fulfilled first. */
export type Wish = (typeof WISHES)[number];

/** A line that is no person. */
export class PeopleError extends Error {
  /** From 1, the header line included. */
  readonly line: number;
  constructor(line: number, problem: string) {
    super(problem);
    this.name = "PeopleError";
    this.line = line;
  }
}

const COLUMNS = [
  "given_name",
  "family_name",
  "email",
  "phone",
  "birth_date",
  "street",
  "city",
  "region",
  "postal_code",
  "country_code",
  "ssn",
  "ssn_repeated",
  "account_currency",
  "credit_limit",
  "basket_currency",
  "basket",
  "then",
  "pays_percent",
] as const;

type Row = Record<(typeof COLUMNS)[number], string>;

/**
 * The people of a CSV file (RFC 4180, UTF-8, with a header line). Throws a PeopleError that names the first wrong line, before
 * anything is done with the lines before it.
 */
export const parsePeople = (text: string): Person[] => {
  const people = rowsOf(text).map(({ row, line }) => personOf(row, line));
  const lines = new Map<string, number>();
  for (const { email, line } of people) {
    const first = lines.get(email.toLowerCase());
    if (first !== undefined) throw new PeopleError(line, `email: the person of line ${first} has it already`);
    lines.set(email.toLowerCase(), line);
  }
  if (people.length === 0) throw new PeopleError(1, "nobody is in it");
  return people;
};

const rowsOf = (text: string): { row: Row; line: number }[] => {
  try {
    const parsed = parse(text, { columns: checkHeader, bom: true, info: true, skip_empty_lines: true, trim: true });
    return (parsed as unknown as { record: Row; info: { lines: number } }[]).map(({ record, info }) => ({
      row: record,
      line: info.lines,
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new PeopleError(Number(error.lines ?? 1), error.message.replace(/ on line \d+/, "").replace(/\.?$/, ""));
  }
};

const checkHeader = (header: string[]): string[] => {
  const missing = COLUMNS.filter((column) => !header.includes(column));
  const unknown = header.filter((column) => !(COLUMNS as readonly string[]).includes(column));
  if (missing.length > 0) throw new PeopleError(1, `the header lacks ${missing.join(", ")}`);
  if (unknown.length > 0) throw new PeopleError(1, `the header has unknown columns: ${unknown.join(", ")}`);
  return header;
};

const personOf = (row: Row, line: number): Person => {
  const wrong = (column: keyof Row, must: string) => new PeopleError(line, `${column} "${row[column]}" ${must}`);
  /** The text of a column that matches `pattern`. */
  const text = (column: keyof Row, pattern: RegExp, must: string): string => {
    if (!pattern.test(row[column])) throw wrong(column, must);
    return row[column];
  };
  const [year = 0, month = 0, day = 0] = text("birth_date", /^\d{4}-\d{2}-\d{2}$/, "is not like 1980-02-29")
    .split("-")
    .map(Number);
  const paysPercent = Number(text("pays_percent", /^\d{1,3}$/, "is not a number from 0 to 100"));
  if (paysPercent > 100) throw wrong("pays_percent", "is not a number from 0 to 100");
  const wish = WISHES.find((known) => known === row.then);
  if (wish === undefined) throw wrong("then", `is none of ${WISHES.join(", ")}`);
  const basketCurrency = text("basket_currency", CURRENCY, "is not like USD");
  return {
    line,
    givenName: text("given_name", /./, "is missing"),
    familyName: text("family_name", /./, "is missing"),
    email: text("email", /^[^@\s]+@[^@\s]+$/, "is not like ada@example.com"),
    phone: text("phone", /^(\+[1-9]\d{6,14})?$/, "is not like +15551234567"),
    birthDate: { year, month, day },
    address: {
      lines: [text("street", /./, "is missing")],
      city: row.city,
      region: row.region,
      postalCode: row.postal_code,
      countryCode: text("country_code", /^[A-Z]{2}$/, "is not like US"),
    },
    number: text("ssn", NUMBER, "is not like 123-45-6789, nor empty"),
    numberRepeated: text("ssn_repeated", NUMBER, "is not like 123-45-6789, nor empty"),
    creditLimit:
      row.credit_limit === ""
        ? undefined
        : {
            currencyCode: text("account_currency", CURRENCY, "is not like USD"),
            minorUnits: minorUnits(text("credit_limit", AMOUNT, "is not like 2500.00")),
          },
    lines: row.basket.split(";").map((item) => {
      const match = ITEM.exec(item.trim());
      if (match === null) throw wrong("basket", 'is not like "2 x LAMP-01 Desk lamp @ 39.90; …"');
      const [, quantity, sku = "", description = "", price = ""] = match;
      const unitPrice = { currencyCode: basketCurrency, minorUnits: minorUnits(price) };
      return { sku, description, quantity: Number(quantity), unitPrice };
    }),
    wish,
    paysPercent,
  };
};

const CURRENCY = /^[A-Z]{3}$/;
const AMOUNT = /^\d{1,13}\.\d{2}$/;
const NUMBER = /^(\d{3}-\d{2}-\d{4})?$/;
const ITEM = /^(\d{1,5}) x ([A-Za-z0-9._-]{1,64}) (.{1,200}) @ (\d{1,13}\.\d{2})$/;

const minorUnits = (amount: string): bigint => BigInt(amount.replace(".", ""));
