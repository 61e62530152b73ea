import { stripVTControlCharacters } from "node:util";

/** One column: its heading and which way its cells lean. */
export interface Column {
  readonly heading: string;
  /** Numbers lean right. Default "left". */
  readonly align?: "left" | "right";
}

/**
 * Lines of aligned columns, two spaces apart, without trailing space; the first line holds the headings. Colour codes in a cell
 * take no room.
 */
export const formatTable = (
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  heading: (text: string) => string = (text) => text,
): string[] => {
  const widths = columns.map((column, i) =>
    Math.max(...[column.heading, ...rows.map((row) => row[i] ?? "")].map(width)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? "";
        const gap = " ".repeat((widths[i] ?? 0) - width(cell));
        return column.align === "right" ? gap + cell : cell + gap;
      })
      .join("  ")
      .trimEnd();
  return [heading(line(columns.map((column) => column.heading))), ...rows.map(line)];
};

const width = (text: string): number => Array.from(stripVTControlCharacters(text)).length;
