import { nearestName } from "../contract/nearest-name.ts";
import type { PathTemplate } from "./path-template.ts";
import type { RequestPath } from "./request-path.ts";

/** The template that a path was probably meant for, as it is written in the contract; undefined when none is near. */
export const nearestTemplate = (path: RequestPath, templates: Iterable<PathTemplate>): string | undefined => {
  const filled = new Map<string, string>();
  // One by one: a path that is too long to be compared is not filled into any.
  const fill = function* () {
    for (const template of templates) {
      const sent = filledWith(path, template);
      filled.set(sent, template.text);
      yield sent;
    }
  };
  const nearest = nearestName(`/${path.raw.join("/")}`, fill());
  return nearest === undefined ? undefined : filled.get(nearest);
};

/** Where the template takes anything, what was sent is right. */
const filledWith = ({ raw }: RequestPath, { segments, verb }: PathTemplate): string => {
  const filled = segments.map((segment, at) =>
    segment.kind === "literal" ? segment.text : segment.kind === "one" ? (raw[at] ?? "") : raw.slice(at).join("/"),
  );
  return `/${filled.join("/")}${verb === "" ? "" : `:${verb}`}`;
};
