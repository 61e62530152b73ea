import type { DescEnum, DescField, DescMessage, DescMethod, DescService, FileRegistry } from "@bufbuild/protobuf";

/** What an element's full name names, as far as methods can hold it. */
type Target =
  | { readonly kind: "methods"; readonly methods: readonly DescMethod[] }
  | { readonly kind: "type"; readonly type: DescMessage | DescEnum; readonly field: DescField | undefined };

/** A method that is or holds an element. */
export interface MethodWith {
  readonly method: DescMethod;
  readonly inRequest: boolean;
  readonly inReply: boolean;
}

/**
 * The methods of a package whose requests or replies can hold an element, at any depth: a field, message, oneof, enum or value by its
 * full name. A method is itself, a service all of its methods. What a google.protobuf.Any may hold is not followed. An element that
 * the registry does not know, such as a file, is taken as being in every method of the package.
 */
export const methodsWith = (registry: FileRegistry, packageName: string, element: string): MethodWith[] => {
  const methods = methodsOf(registry, packageName);
  const target = targetOf(registry, element);
  if (target === undefined) return methods.map((method) => ({ method, inRequest: true, inReply: true }));
  if (target.kind === "methods") {
    const named = new Set(target.methods);
    return methods.filter((method) => named.has(method)).map((method) => ({ method, inRequest: true, inReply: true }));
  }
  const holders = holdersOf(registry, target.type);
  return methods
    .map((method) => ({ method, inRequest: holders.has(method.input), inReply: holders.has(method.output) }))
    .filter(({ inRequest, inReply }) => inRequest || inReply);
};

/** The field that an element's full name names, with its message. */
export const fieldNamed = (registry: FileRegistry, element: string): DescField | undefined => {
  const target = targetOf(registry, element);
  return target?.kind === "type" ? target.field : undefined;
};

const methodsOf = (registry: FileRegistry, packageName: string): DescMethod[] =>
  [...registry]
    .filter((type): type is DescService => type.kind === "service" && type.file.proto.package === packageName)
    .flatMap((service) => service.methods)
    .sort((a, b) => compare(a.parent.typeName, b.parent.typeName) || compare(a.name, b.name));

const targetOf = (registry: FileRegistry, element: string): Target | undefined => {
  const name = element.replace("/", ".");
  const whole = registry.get(name);
  if (whole?.kind === "message" || whole?.kind === "enum") return { kind: "type", type: whole, field: undefined };
  if (whole?.kind === "service") return { kind: "methods", methods: whole.methods };
  const dot = name.lastIndexOf(".");
  const [scope, member] = [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
  const parent = registry.get(scope);
  if (parent?.kind === "service") {
    return { kind: "methods", methods: parent.methods.filter((method) => method.name === member) };
  }
  if (parent?.kind === "enum") return { kind: "type", type: parent, field: undefined };
  const owner = enumOfValue(registry, scope, member);
  if (owner !== undefined) return { kind: "type", type: owner, field: undefined };
  if (parent?.kind === "message") {
    return { kind: "type", type: parent, field: parent.fields.find((field) => field.name === member) };
  }
  // A part of something, such as a reserved range: what it is a part of.
  return dot > 0 && /[A-Z]/.test(scope) ? targetOf(registry, scope) : undefined;
};

/** Protobuf names an enum's values as siblings of the enum. */
const enumOfValue = (registry: FileRegistry, scope: string, value: string): DescEnum | undefined =>
  [...registry].find(
    (type): type is DescEnum =>
      type.kind === "enum" &&
      (type.parent?.typeName ?? type.file.proto.package) === scope &&
      type.values.some(({ name }) => name === value),
  );

/** The messages that can hold a type, itself included. */
const holdersOf = (registry: FileRegistry, type: DescMessage | DescEnum): ReadonlySet<DescMessage> => {
  const heldBy = new Map<DescMessage | DescEnum, Set<DescMessage>>();
  for (const message of registry) {
    if (message.kind !== "message") continue;
    for (const field of message.fields) {
      const held = field.message ?? field.enum;
      if (held === undefined) continue;
      const known = heldBy.get(held);
      if (known === undefined) heldBy.set(held, new Set([message]));
      else known.add(message);
    }
  }
  const holders = new Set<DescMessage>();
  const waiting: (DescMessage | DescEnum)[] = [type];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind === "message") {
      if (holders.has(next)) continue;
      holders.add(next);
    }
    // One by one: arguments of a call have their place on the stack, and a type may be held by everything.
    for (const holder of heldBy.get(next) ?? []) waiting.push(holder);
  }
  return holders;
};

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
