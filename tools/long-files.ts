/** Files that may be longer than 300 lines, each with the reason why splitting it would make it worse. */
export const LONG_FILES: Readonly<Record<string, string>> = {};
