/** The paths under which the files of the API page are. */
export const ASSETS_PATH = "/docs/assets/";

/** Lets the page load from its own origin alone, and run no script that is not a file. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * The page that shows one document, with links to those of the packages.
 *
 * @param shown The package; undefined: all.
 */
export const apiPage = (packages: readonly string[], shown: string | undefined): string => {
  const link = (href: string, text: string, isShown: boolean) =>
    `<a href="${href}"${isShown ? ' aria-current="page"' : ""}>${escaped(text)}</a>`;
  const links = [
    link("/docs", "all packages", shown === undefined),
    ...packages.map((name) => link(`/docs/${encodeURIComponent(name)}`, name, name === shown)),
  ];
  const source = shown === undefined ? "/openapi.json" : `/openapi/${encodeURIComponent(shown)}.json`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(shown ?? "Heddle")} API</title>
<link rel="icon" href="${ASSETS_PATH}favicon-32x32.png">
<link rel="stylesheet" href="${ASSETS_PATH}swagger-ui.css">
<link rel="stylesheet" href="${ASSETS_PATH}docs-page.css">
</head>
<body>
<nav class="packages">${links.join("\n")}</nav>
<noscript><p>This page needs JavaScript. The document itself: <a href="${source}">${source}</a></p></noscript>
<div id="swagger-ui" data-document="${source}"></div>
<script src="${ASSETS_PATH}swagger-ui-bundle.js"></script>
<script src="${ASSETS_PATH}docs-page.js"></script>
</body>
</html>
`;
};

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
