import type { DescMethod, FileRegistry } from "@bufbuild/protobuf";
import { nearestName } from "@heddle/mesh/contract";
import { Failure, usageFailure } from "./failure.ts";
import type { Reflection } from "./reflect.ts";

/**
 * Finds the method that `name` says, as `customer.v1.CustomerService/GetCustomer`, or with a dot before the method, and loads
 * its contract. Throws a Failure that names the nearest method there is.
 */
export const findMethod = async (reflection: Reflection, name: string): Promise<DescMethod> => {
  const symbol = symbolOf(name);
  const dot = symbol.lastIndexOf(".");
  if (dot < 1) {
    throw usageFailure(
      `"${name}" is not the name of a method.`,
      "Write package.Service/Method; heddle list shows the services, heddle list <service> its methods.",
    );
  }
  await reflection.load([symbol]);
  const registry = reflection.registry();
  if (registry.getService(symbol) !== undefined) {
    throw usageFailure(`${symbol} is a service; say which method.`, `heddle list ${symbol} shows its methods.`);
  }
  const [serviceName, methodName] = [symbol.slice(0, dot), symbol.slice(dot + 1)];
  const found = registry.getService(serviceName)?.methods.find((method) => method.name === methodName);
  if (found !== undefined) return found;

  const unknownService = (await reflection.load([serviceName])).length > 0;
  const methods = reflection.registry().getService(serviceName)?.methods;
  if (unknownService || methods === undefined) {
    throw await unknownName(reflection, `${serviceName}/${methodName}`, "method", (all) => [...methodNames(all)]);
  }
  const nearest = nearestName(
    methodName,
    methods.map((method) => method.name),
  );
  throw new Failure(`${serviceName} has no method ${methodName}.`, {
    next: nearest
      ? `Did you mean ${serviceName}/${nearest}?`
      : `Its methods are ${methods.map((method) => method.name).join(", ")}.`,
  });
};

/** The name of a symbol with dots only: `customer.v1.CustomerService.GetCustomer`. */
export const symbolOf = (name: string): string => name.replace(/^[./]/, "").replaceAll("/", ".");

/** `customer.v1.CustomerService/GetCustomer`. */
export const methodName = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

/** The Failure for a name that the mesh does not know; `candidates` picks what it could have been from all contracts. */
export const unknownName = async (
  reflection: Reflection,
  name: string,
  what: string,
  candidates: (registry: FileRegistry, services: readonly string[]) => string[],
): Promise<Failure> => {
  const services = await reflection.services();
  await reflection.load(services);
  const nearest = nearestSymbol(name, candidates(reflection.registry(), services));
  return new Failure(`The mesh at ${reflection.gateway} knows no ${what} ${name}.`, {
    next: nearest
      ? `Did you mean ${nearest}?`
      : "heddle list shows what can be called; heddle status shows whether its service runs.",
  });
};

/** The candidate that was probably meant: one that ends with the name, else the nearest by spelling, whole or by its end. */
export const nearestSymbol = (name: string, candidates: readonly string[]): string | undefined => {
  const ends = (end: string) =>
    candidates.find((candidate) => candidate.toLowerCase().endsWith(`.${end.toLowerCase()}`));
  const spelt = ends(name) ?? nearestName(name, candidates);
  if (spelt !== undefined) return spelt;
  const end = nearestName(lastPart(name), candidates.map(lastPart));
  return end === undefined ? undefined : candidates.find((candidate) => lastPart(candidate) === end);
};

const lastPart = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

/** Every method of a registry by its name. */
function* methodNames(registry: FileRegistry): Iterable<string> {
  for (const type of registry) if (type.kind === "service") yield* type.methods.map(methodName);
}
