import { nearestName } from "../contract/nearest-name.ts";
import type { PathTemplate } from "./path-template.ts";
import type { RequestPath } from "./request-path.ts";

/** The template that a path was probably meant for, as it is written in the contract; undefined when none is near. */
export const nearestTemplate = (path: RequestPath, templates: Iterable<PathTemplate>): string | undefined => {
  const filled = new Map<string, string>();
  for (const template of templates) {
    // Where the template takes anything, what was sent is right.
    const segments = template.segments.map((segment, at) =>
      segment.kind === "literal"
        ? segment.text
        : segment.kind === "one"
          ? (path.raw[at] ?? "")
          : path.raw.slice(at).join("/"),
    );
    const verb = template.verb === "" ? "" : `:${template.verb}`;
    filled.set(`/${segments.join("/")}${verb}`, template.text);
  }
  const nearest = nearestName(`/${path.raw.join("/")}`, filled.keys());
  return nearest === undefined ? undefined : filled.get(nearest);
};
