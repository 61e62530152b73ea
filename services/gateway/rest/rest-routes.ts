import { methodName } from "@heddle/mesh/contract";
import type { Logger } from "@heddle/mesh/observe";
import {
  type Binding,
  type Bindings,
  bindingsOf,
  type Match,
  type PathTemplate,
  type RequestPath,
  RouteTable,
} from "@heddle/mesh/rest";
import type { Catalog } from "../registry/catalog.ts";
import type { PackageContract } from "../registry/contracts.ts";

/** The REST paths of every contract that can be called. */
export interface RestRoutes {
  /** What a path leads to, also one of a contract that came a moment ago. */
  match(verb: string, path: RequestPath): Match<Binding>;
  /** The templates of all paths, for suggestions. */
  templates(): Iterable<PathTemplate>;
}

/**
 * Reads the bindings of each contract once. Where two methods want one path, the package that came first keeps it, and the log
 * says so.
 */
export const createRestRoutes = (catalog: Catalog, log: Logger): RestRoutes => {
  /** By package, in the order in which they came. */
  const known = new Map<string, { readonly hash: string; readonly bindings: readonly Binding[] }>();
  let table = new RouteTable<Binding>();
  let version = -1;

  const enter = (name: string, bindings: readonly Binding[]) => {
    for (const target of bindings) {
      const { verb, template } = target;
      const taken = table.add({ verb, template, target });
      if (taken === undefined) continue;
      log.warn(
        {
          package: name,
          method: methodName(target.method),
          verb,
          path: template.text,
          keptBy: methodName(taken.target.method),
        },
        "REST path is taken: the method has no answer there",
      );
    }
  };
  const read = ({ name, hash, services, registry }: PackageContract) => {
    const all = services.flatMap((service) => service.methods).map((method): Bindings => bindingsOf(method, registry));
    for (const problem of all.flatMap(({ problems }) => problems)) {
      log.warn({ package: name, problem }, "REST path is invalid and left out");
    }
    const bindings = all.flatMap((ofMethod) => ofMethod.bindings);
    known.set(name, { hash, bindings });
    return bindings;
  };
  /** A package that joins costs its own bindings; one that changes or goes, those of all. */
  const refresh = () => {
    const packages = catalog.packages();
    const names = new Set(packages.map(({ name }) => name));
    const gone = [...known.keys()].filter((name) => !names.has(name));
    for (const name of gone) known.delete(name);
    let isStale = gone.length > 0;
    for (const contract of packages) {
      const before = known.get(contract.name);
      if (before?.hash === contract.hash) continue;
      if (before !== undefined) isStale = true;
      const bindings = read(contract);
      if (!isStale) enter(contract.name, bindings);
    }
    if (!isStale) return;
    table = new RouteTable();
    for (const [name, { bindings }] of known) enter(name, bindings);
  };
  const current = (): RouteTable<Binding> => {
    const now = catalog.version();
    if (now !== version) {
      refresh();
      version = now;
    }
    return table;
  };

  return {
    match: (verb, path) => current().match(verb, path),
    *templates() {
      current();
      for (const { bindings } of known.values()) for (const { template } of bindings) yield template;
    },
  };
};
