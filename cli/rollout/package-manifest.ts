/** The script of a package that runs its service. */
export const ENTRY_FILE = "main.js";
