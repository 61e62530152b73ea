/** Where a text stops being JSON, as a line and a column, both from 1; undefined when it is JSON (RFC 8259). */
export const jsonFault = (text: string): { readonly line: number; readonly column: number } | undefined => {
  const at = faultOffset(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - (before.lastIndexOf("\n") + 1) + 1 };
};

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** Keeps what is open on a list rather than on the stack, for the text may nest as deeply as it likes. */
const faultOffset = (text: string): number | undefined => {
  const open: ("{" | "[")[] = [];
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found !== null;
  };
  const takes = (char: string): boolean => {
    skip(SPACE);
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const key = (): boolean => {
    skip(SPACE);
    return skip(STRING) && takes(":");
  };
  for (;;) {
    skip(SPACE);
    if (takes("{")) {
      if (!takes("}")) {
        if (!key()) return at;
        open.push("{");
        continue;
      }
    } else if (takes("[")) {
      if (!takes("]")) {
        open.push("[");
        continue;
      }
    } else if (!skip(SCALAR)) return at;
    // A value has ended; so may what holds it.
    for (;;) {
      const holder = open.at(-1);
      skip(SPACE);
      if (holder === undefined) return at === text.length ? undefined : at;
      if (takes(",")) {
        if (holder === "{" && !key()) return at;
        break;
      }
      if (!takes(holder === "{" ? "}" : "]")) return at;
      open.pop();
    }
  }
};
