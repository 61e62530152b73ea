import type { Reader } from "@heddle/mesh/store";

/** The generation of a view that is in force. */
export const viewGeneration = async (_reader: Reader, _name: string): Promise<number> => 1;
