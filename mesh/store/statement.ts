/**
 * What a statement's `:name` parameters may be. SQLite has no booleans (bind 0 or 1) and no undefined (bind null). Numbers
 * are bound as SQLite's REAL, which a column of type INTEGER turns into a whole number; past 2^53 - 1 bind a bigint.
 */
export type Params = { readonly [name: string]: string | number | bigint | Uint8Array | null };

/** For a statement without parameters; pass `{}`. */
export type NoParams = Record<string, never>;

/** One SQL statement: prepared once per connection, on its first use. Declare it once, outside functions. */
export interface Statement<P extends Params, R> {
  readonly text: string;
  /** True: whole numbers come back as bigint. */
  readonly bigints: boolean;
  /** Carries the types only. */
  readonly types?: (params: P) => R;
}

/** As many as the code declares: none is declared while it runs. */
const declared = new Set<string>();

/**
 * Declares a statement with the shapes of its parameters and rows.
 *
 * @example
 * const byId = sql<{ id: string }, CustomerRow>("SELECT * FROM customers WHERE id = :id");
 * const row = await reader.get(byId, { id });
 */
export const sql = <P extends Params, R = never>(
  text: string,
  options: { bigints?: boolean } = {},
): Statement<P, R> => {
  declared.add(text);
  return { text, bigints: options.bigints ?? false };
};

/** The texts of all statements that the modules loaded so far declare, sorted: what a release asks of its database. */
export const declaredStatements = (): string[] => [...declared].sort();
