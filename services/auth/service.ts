import { AuthService, UserRegisteredSchema, UserRolesChangedSchema } from "@heddle/contracts/auth/v1";
import { implementation } from "@heddle/mesh/rpc";
import { defineService } from "@heddle/mesh/service";
import { email } from "envalid";
import { getSigningKeys } from "./handlers/get-signing-keys.ts";
import { getUser } from "./handlers/get-user.ts";
import { listUsers } from "./handlers/list-users.ts";
import { login } from "./handlers/login.ts";
import { logout } from "./handlers/logout.ts";
import { refreshSession } from "./handlers/refresh-session.ts";
import { registerUser } from "./handlers/register-user.ts";
import { setUserRoles } from "./handlers/set-user-roles.ts";
import { createHashSlots } from "./hash-slots.ts";
import { startHousekeeping } from "./housekeeping.ts";
import manifest from "./package.json" with { type: "json" };
import { createPasswords } from "./passwords.ts";
import { createSigningKeys } from "./signing-keys.ts";
import { failureStore, keyStore, sessionStore, userStore } from "./store.ts";

export const auth = defineService({
  name: "auth",
  version: manifest.version,
  migrations: new URL("./migrations/", import.meta.url),
  config: {
    HEDDLE_AUTH_OPERATOR_EMAIL: email({
      default: undefined,
      desc: "who becomes operator on registration while nobody is",
    }),
  },
  publishes: [UserRegisteredSchema, UserRolesChangedSchema],
  async implement({ store, clock, timers, ids, random, log, config, leases }) {
    const signingKeys = createSigningKeys({ keys: keyStore(), store, clock, random, log });
    await signingKeys.rotate();
    const deps = {
      users: userStore(),
      sessions: sessionStore(),
      failures: failureStore(),
      signingKeys,
      passwords: createPasswords(random),
      slots: createHashSlots(),
      operatorEmail: config.HEDDLE_AUTH_OPERATOR_EMAIL,
      store,
      clock,
      random,
      ids,
      log,
    };
    leases.hold("housekeeping", (lease) => startHousekeeping({ ...deps, store: lease.store, timers }));
    return [
      implementation(AuthService, {
        registerUser: registerUser(deps),
        login: login(deps),
        refreshSession: refreshSession(deps),
        logout: logout(deps),
        getUser: getUser(deps),
        listUsers: listUsers(deps),
        setUserRoles: setUserRoles(deps),
        getSigningKeys: getSigningKeys(deps),
      }),
    ];
  },
});
