import type { Logger } from "@heddle/mesh/observe";
import type { Clock, Ids, Random } from "@heddle/mesh/runtime";
import type { Store } from "@heddle/mesh/store";
import type { HashSlots } from "../hash-slots.ts";
import type { Passwords } from "../passwords.ts";
import type { SigningKeys } from "../signing-keys.ts";
import type { FailureStore, SessionStore, UserStore } from "../store.ts";

/** What the handlers of this service work with. */
export interface Deps {
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly failures: FailureStore;
  readonly signingKeys: SigningKeys;
  readonly passwords: Passwords;
  readonly slots: HashSlots;
  /** Who gets the operator role when nobody has it, by e-mail address; undefined: nobody. */
  readonly operatorEmail: string | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Logger;
}
