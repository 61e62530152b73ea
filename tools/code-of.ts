/**
 * A source without its comments, line for line: what is said about code must not be taken for it. Strings stay, because
 * imports are strings. A `//` within a string, as in a URL, is left alone when a quote or a colon stands before it.
 */
export const codeOf = (source: string): string =>
  source
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ""))
    .replaceAll(/(^|[\s;{}(),])\/\/.*$/gm, "$1");
