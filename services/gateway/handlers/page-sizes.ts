/** The page sizes of the registry's lists, as the contract says. */
export const PAGE_SIZES = { defaultSize: 100, maxSize: 1_000 } as const;
/** Those of lists of what was decided, whose items are larger. */
export const RECORD_PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;
