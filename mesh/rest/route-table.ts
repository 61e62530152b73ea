import type { PathTemplate } from "./path-template.ts";
import type { RequestPath } from "./request-path.ts";

/** What one template and one HTTP method lead to. */
export interface Entry<T> {
  readonly template: PathTemplate;
  /** The HTTP method; `*` is any. */
  readonly verb: string;
  readonly target: T;
}

/** A template that fits, or the HTTP methods that the path takes instead; none where there is no such path. */
export type Match<T> = { readonly entry: Entry<T> } | { readonly allowed: readonly string[] };

/**
 * Finds the template for a path. Of several that fit the most specific wins, segment by segment from the left: a literal before
 * `*` before `**`. One that does not take the HTTP method is passed over for the next. What stands after a last colon is taken for
 * a custom verb first, and for a part of the segment where no template has the verb. A lookup visits each node once at most.
 */
export class RouteTable<T> {
  readonly #root = new Node<T>();

  /** Adds an entry, unless its place is taken: then what has it stays, and is returned. */
  add(entry: Entry<T>): Entry<T> | undefined {
    const { template, verb } = entry;
    let node = this.#root;
    let isOpen = false;
    for (const segment of template.segments) {
      if (segment.kind === "rest") isOpen = true;
      else node = segment.kind === "one" ? node.forAny() : node.forLiteral(segment.text);
    }
    const leaf = leafOf(isOpen ? node.open : node.ends, template.verb);
    const taken = leaf.get(verb);
    if (taken === undefined) leaf.set(verb, entry);
    return taken;
  }

  match(verb: string, path: RequestPath): Match<T> {
    const allowed = new Set<string>();
    for (const leaf of this.#leaves(path)) {
      const entry = leaf.get(verb) ?? (verb === "HEAD" ? leaf.get("GET") : undefined) ?? leaf.get("*");
      if (entry !== undefined) return { entry };
      for (const other of leaf.keys()) allowed.add(other);
    }
    if (allowed.has("GET")) allowed.add("HEAD");
    if (allowed.size > 0) allowed.add("OPTIONS");
    return { allowed: [...allowed].sort() };
  }

  *#leaves(path: RequestPath): Iterable<Leaf<T>> {
    if (path.verb !== "") {
      const last = path.decoded.length - 1;
      const bare = path.decoded.with(last, bareOf(path));
      yield* leaves(this.#root, bare, 0, path.verb);
    }
    yield* leaves(this.#root, path.decoded, 0, "");
  }
}

/** By HTTP method. */
type Leaf<T> = Map<string, Entry<T>>;
/** By custom verb. */
type Leaves<T> = Map<string, Leaf<T>>;

class Node<T> {
  readonly literals = new Map<string, Node<T>>();
  any: Node<T> | undefined;
  /** Templates that end here. */
  readonly ends: Leaves<T> = new Map();
  /** Templates that go on with `**`. */
  readonly open: Leaves<T> = new Map();

  forLiteral(text: string): Node<T> {
    const known = this.literals.get(text);
    if (known !== undefined) return known;
    const node = new Node<T>();
    this.literals.set(text, node);
    return node;
  }

  forAny(): Node<T> {
    this.any ??= new Node<T>();
    return this.any;
  }
}

const leafOf = <T>(leaves: Leaves<T>, verb: string): Leaf<T> => {
  const known = leaves.get(verb);
  if (known !== undefined) return known;
  const leaf: Leaf<T> = new Map();
  leaves.set(verb, leaf);
  return leaf;
};

/** What fits, the most specific first. Templates have few segments, so that the recursion is shallow. */
function* leaves<T>(node: Node<T>, segments: readonly string[], at: number, verb: string): Iterable<Leaf<T>> {
  const segment = segments[at];
  if (segment === undefined) {
    const end = node.ends.get(verb);
    if (end !== undefined) yield end;
  } else {
    const next = node.literals.get(segment);
    if (next !== undefined) yield* leaves(next, segments, at + 1, verb);
    if (segment !== "" && node.any !== undefined) yield* leaves(node.any, segments, at + 1, verb);
  }
  const open = node.open.get(verb);
  if (open !== undefined) yield open;
}

const bareOf = ({ raw, verbChars }: RequestPath): string => decodeURIComponent((raw.at(-1) ?? "").slice(0, -verbChars));
