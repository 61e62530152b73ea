import type { DescMethod } from "@bufbuild/protobuf";
import { hasOption } from "@bufbuild/protobuf";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { ServerReflection } from "@heddle/contracts/grpc/reflection/v1";
import { ServerReflection as ServerReflectionAlpha } from "@heddle/contracts/grpc/reflection/v1alpha";
import { access } from "@heddle/contracts/heddle/options/v1";
import { methodOptions } from "../contract/options.ts";
import type { Caller } from "./caller.ts";

/** Who may call one method, as its contract says; made once per method. */
export interface Permission {
  readonly method: DescMethod;
  /** Lets everyone in, whatever they carry. */
  readonly isPublic: boolean;
  allows(caller: Caller): boolean;
  /** Whom it lets in, in words, for errors: `the role clerk or auditor, or the service order`. */
  readonly allowed: string;
}

/**
 * Standard contracts, which cannot say who may call: probes and tools have no credentials. What they show, whether a service
 * serves and what its contract is, opens nothing.
 */
const OPEN = new Set([Health, ServerReflection, ServerReflectionAlpha].map(({ typeName }) => typeName));

/** Nobody may call a method whose contract does not say who may. */
export const permissionOf = (method: DescMethod): Permission => {
  const known = made.get(method);
  if (known !== undefined) return known;
  const permission = compile(method);
  made.set(method, permission);
  return permission;
};

const made = new WeakMap<DescMethod, Permission>();

const compile = (method: DescMethod): Permission => {
  const { access: said } = methodOptions(method);
  const roles = new Set(said.roles);
  const services = new Set(said.services);
  const isPublic = said.public || (OPEN.has(method.parent.typeName) && !hasOption(method, access));
  const isClosed = !isPublic && roles.size === 0 && services.size === 0;
  const anyService = services.has("*");
  return {
    method,
    isPublic,
    allows(caller) {
      if (isPublic) return true;
      if (caller.kind === "local") return !isClosed;
      const { service } = caller;
      if (service !== undefined && (anyService || services.has(service))) return true;
      for (const role of caller.roles) if (roles.has(role)) return true;
      return false;
    },
    allowed: isPublic ? "everyone" : isClosed ? "nobody" : inWords(said.roles, anyService ? ["*"] : said.services),
  };
};

const inWords = (roles: readonly string[], services: readonly string[]): string =>
  [
    ...(roles.length === 0 ? [] : [`the role ${roles.join(" or ")}`]),
    ...(services.length === 0
      ? []
      : [services[0] === "*" ? "services of the mesh" : `the service ${services.join(" or ")}`]),
  ].join(", or ");
