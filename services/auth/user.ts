import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type User, UserSchema } from "@heddle/contracts/auth/v1";
import { etagOf } from "@heddle/mesh/contract";

/** The role of those who may change roles. */
export const OPERATOR = "operator";

/** A user as it is registered. */
export const newUser = (user: { id: string; email: string; roles: readonly string[]; now: Timestamp }): User => {
  const { id, email, roles, now } = user;
  return withEtag(create(UserSchema, { id, email, roles: sortedRoles(roles), createTime: now, updateTime: now }));
};

/** The user with these roles and no others, or the same object when they are the ones that it holds. */
export const userWithRoles = (current: User, roles: readonly string[], now: Timestamp): User => {
  const sorted = sortedRoles(roles);
  if (sorted.join() === current.roles.join()) return current;
  return withEtag({ ...current, roles: sorted, updateTime: now });
};

/** What e-mail addresses are compared by, without regard to case. */
export const foldEmail = (email: string): string => email.toLowerCase();

/** The user with the etag of its content. */
export const withEtag = (user: User): User => ({ ...user, etag: etagOf(UserSchema, user) });

// A role has no comma and no letter beyond ASCII, so joining and comparing by code units are exact.
const sortedRoles = (roles: readonly string[]): string[] => [...new Set(roles)].toSorted();
