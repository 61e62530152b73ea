/** Who still uses what: kept by the record of usage, asked by whoever means to change a contract. */
export interface Callers {
  /** Who called any of these since then, the latest first. Empty when nobody did. */
  of(query: CallerQuery, sinceMs: number): Promise<readonly CallerUse[]>;
}

/** What a caller must have used to be counted. */
export interface CallerQuery {
  /** Full names, such as `customer.v1.CustomerService/GetCustomer`. */
  readonly methods: readonly string[];
  /** The field that is at stake; callers of the methods are listed all the same, see `setsField`. */
  readonly field?: { readonly message: string; readonly number: number } | undefined;
}

/** One consumer's use of one method. */
export interface CallerUse {
  /** The name that it declares or proves, such as `order`; `unknown` where it does neither. */
  readonly consumer: string;
  /** Empty when not known. */
  readonly consumerVersion: string;
  /** As in the query. */
  readonly method: string;
  readonly calls: number;
  readonly lastTimeMs: number;
  /** Whether its sampled requests set the field of the query; undefined where none was asked for or none was sampled. */
  readonly setsField: boolean | undefined;
}
