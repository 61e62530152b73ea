import { nearestName } from "@heddle/mesh/contract";
import { Failure } from "./failure.ts";
import type { Reflection } from "./reflect.ts";
import { methodName, symbolOf, unknownName } from "./reflect-symbols.ts";

/** What usage is asked of. */
export type UsageSubject =
  | { readonly kind: "package"; readonly package: string }
  /** A method, or all of a service. */
  | { readonly kind: "method"; readonly method: string }
  /** A field, or all of a message, whose number is then 0. */
  | { readonly kind: "field"; readonly message: string; readonly number: number };

/**
 * What a name says: a package, a service, a method, a message or a field, which may be reached through others, as
 * `customer.v1.UpdateCustomerRequest.customer.email`. Throws a Failure that names the nearest there is.
 */
export const usageSubject = async (reflection: Reflection, name: string): Promise<UsageSubject> => {
  const symbol = symbolOf(name);
  const services = await reflection.services();
  if (services.some((service) => service.slice(0, service.lastIndexOf(".")) === symbol)) {
    return { kind: "package", package: symbol };
  }
  // The longest beginning that is a service or a message; what is behind it are fields.
  const parts = symbol.split(".");
  for (let length = parts.length; length > 1; length--) {
    const [typeName, members] = [parts.slice(0, length).join("."), parts.slice(length)];
    await reflection.load([typeName]);
    const registry = reflection.registry();
    const service = registry.getService(typeName);
    if (service !== undefined && members.length <= 1) {
      const [member] = members;
      if (member === undefined) return { kind: "method", method: typeName };
      const method = service.methods.find((one) => one.name === member);
      if (method !== undefined) return { kind: "method", method: methodName(method) };
      break;
    }
    const message = registry.getMessage(typeName);
    if (message === undefined) continue;
    let held = message;
    for (const [index, member] of members.entries()) {
      const field = held.fields.find(({ name: known, jsonName }) => known === member || jsonName === member);
      if (field === undefined) {
        throw noField(
          held.typeName,
          member,
          held.fields.map((one) => one.name),
        );
      }
      if (index === members.length - 1) return { kind: "field", message: held.typeName, number: field.number };
      if (field.message === undefined) throw new Failure(`${held.typeName}.${member} holds no message.`);
      held = field.message;
    }
    return { kind: "field", message: held.typeName, number: 0 };
  }
  throw await unknownName(reflection, name, "package, method or field", (registry, known) => [
    ...new Set(known.map((service) => service.slice(0, service.lastIndexOf(".")))),
    ...[...registry].flatMap((type) => {
      if (type.kind === "service") return [type.typeName, ...type.methods.map(methodName)];
      return type.kind === "message" ? [type.typeName] : [];
    }),
  ]);
};

const noField = (message: string, name: string, known: readonly string[]): Failure => {
  const nearest = nearestName(name, known);
  return new Failure(`${message} has no field ${name}.`, {
    next: nearest === undefined ? `Its fields are ${known.join(", ")}.` : `Did you mean ${message}.${nearest}?`,
  });
};
