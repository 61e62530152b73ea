import type { ConsumerKind } from "@heddle/contracts/heddle/usage/v1";

/** A program that calls. */
export interface Consumer {
  readonly kind: ConsumerKind;
  readonly name: string;
  /** Empty when not known. */
  readonly version: string;
}

/** What is added to what one consumer did with one method on one day. */
export interface UsageRow {
  readonly consumer: Consumer;
  /** As `customer.v1.CustomerService/GetCustomer`. */
  readonly method: string;
  readonly day: number;
  readonly timeMs: number;
  readonly calls: number;
  readonly samples: number;
  readonly refusals: readonly { readonly reason: string; readonly calls: number }[];
  readonly fields: readonly { readonly message: string; readonly number: number; readonly samples: number }[];
}

/** A range of methods by name: one, those of a service, those of a package, or all. */
export interface MethodScope {
  readonly from: string;
  readonly to: string;
  /** Not empty: only methods of this very package, and none of a package within it. */
  readonly package: string;
}

export interface MethodFilter {
  readonly scope: MethodScope;
  /** A consumer's name; empty for all. */
  readonly consumer: string;
  readonly sinceDay: number;
  /** The last row of the page before. */
  readonly after: { readonly method: string; readonly consumerId: number } | undefined;
  readonly limit: number;
}

export interface MethodRow {
  readonly method: string;
  readonly consumerId: number;
  readonly consumer: Consumer;
  readonly calls: number;
  readonly refused: number;
  readonly refusals: readonly { readonly reason: string; readonly calls: number }[];
  readonly samples: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
}

export interface FieldFilter {
  /** Empty for all. */
  readonly message: string;
  /** 0 for all. */
  readonly number: number;
  /** Empty for all. */
  readonly method: string;
  /** A consumer's name; empty for all. */
  readonly consumer: string;
  readonly sinceDay: number;
  /** The last row of the page before. */
  readonly after:
    | { readonly message: string; readonly number: number; readonly method: string; readonly consumerId: number }
    | undefined;
  readonly limit: number;
}

export interface FieldRow {
  readonly message: string;
  readonly number: number;
  readonly method: string;
  readonly consumerId: number;
  readonly consumer: Consumer;
  /** Requests of the method that were looked at. */
  readonly samples: number;
  readonly samplesWithField: number;
  readonly lastTimeMs: number;
}

/** One consumer's calls of one method. */
export interface CallerRow {
  readonly consumer: Consumer;
  readonly calls: number;
  readonly samples: number;
  /** Of the field that was asked for; 0 when none was. */
  readonly samplesWithField: number;
  readonly lastTimeMs: number;
  /** When a request that set the field was last looked at. */
  readonly fieldTimeMs: number | undefined;
}

/** The methods of a package version; all when it is empty. */
export const packageScope = (name: string): MethodScope =>
  name === "" ? ALL_METHODS : { from: `${name}.`, to: `${name}.${LAST_TEXT}`, package: name };

/** One method, named `customer.v1.CustomerService/GetCustomer`, or those of a service; all when the name is empty. */
export const methodScope = (name: string): MethodScope => {
  if (name === "") return ALL_METHODS;
  return name.includes("/")
    ? { from: name, to: name, package: "" }
    : { from: `${name}/`, to: `${name}/${LAST_TEXT}`, package: "" };
};

/** What is in both. */
export const bothScopes = (a: MethodScope, b: MethodScope): MethodScope => ({
  from: a.from > b.from ? a.from : b.from,
  to: a.to < b.to ? a.to : b.to,
  package: a.package || b.package,
});

/** Sorts behind every name. */
const LAST_TEXT = "\u{10ffff}";
const ALL_METHODS: MethodScope = { from: "", to: LAST_TEXT, package: "" };
