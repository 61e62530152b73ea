import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type KeptPage, keptPage } from "./kept-page.ts";

/** The files that may be asked for, and no other: what a caller names never becomes a path. */
const FILES: Readonly<Record<string, { readonly from: "swagger-ui-dist" | "here"; readonly type: string }>> = {
  "swagger-ui-bundle.js": { from: "swagger-ui-dist", type: "text/javascript" },
  "swagger-ui.css": { from: "swagger-ui-dist", type: "text/css" },
  "favicon-32x32.png": { from: "swagger-ui-dist", type: "image/png" },
  "docs-page.js": { from: "here", type: "text/javascript" },
  "docs-page.css": { from: "here", type: "text/css" },
};

const FOLDERS = {
  here: () => import.meta.dirname,
  "swagger-ui-dist": () => dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json")),
};

/** The files of the API page by their names: read and compressed once, when the first is asked for. */
export const createPageAssets = (): ((name: string) => Promise<KeptPage> | undefined) => {
  const kept = new Map<string, Promise<KeptPage>>();
  return (name) => {
    const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    if (file === undefined) return undefined;
    const known = kept.get(name);
    if (known !== undefined) return known;
    const read = readFile(join(FOLDERS[file.from](), name)).then((body) => keptPage(file.type, body));
    kept.set(name, read);
    // What could not be read may be there the next time.
    read.catch(() => kept.delete(name));
    return read;
  };
};
