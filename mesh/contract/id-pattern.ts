/** `^cus_[0-9a-hjkmnp-tv-z]{26}$`: what ids look like, and no more of the syntax than that. */
const SHAPE = /^\^([\w-]*)\[((?:[0-9A-Za-z](?:-[0-9A-Za-z])?)+)\]\{([1-9]\d{0,2})\}\$$/;

/** Matches texts of a prefix and so many characters of one class by a table, sooner than RegExp does. Undefined for other patterns. */
export const idPattern = (pattern: string): { test(text: string): boolean } | undefined => {
  const [, prefix, members, count] = SHAPE.exec(pattern) ?? [];
  if (prefix === undefined || members === undefined) return undefined;
  const isMember = new RegExp(`[${members}]`);
  const length = prefix.length + Number(count);
  const allowed = Uint8Array.from({ length: ASCII }, (_, code) => (isMember.test(String.fromCharCode(code)) ? 1 : 0));
  return {
    test(text) {
      if (text.length !== length || !text.startsWith(prefix)) return false;
      for (let index = prefix.length; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code >= ASCII || allowed[code] === 0) return false;
      }
      return true;
    },
  };
};

const ASCII = 128;
