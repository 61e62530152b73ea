/** The page sizes of the registry's lists, as the contract says. */
export const PAGE_SIZES = { defaultSize: 100, maxSize: 1_000 } as const;
