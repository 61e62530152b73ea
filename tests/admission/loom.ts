// A service for tests/admission.test.ts, whose contract is the argument: `first`, `second` (one method more) or `broken` (one field
// less than either).
import { implementation } from "@heddle/mesh/rpc";
import { defineService, run } from "@heddle/mesh/service";
import { contractOf } from "../../services/gateway/fixtures/contract.ts";

const CONTRACTS = {
  first: { version: "1.0.0", methods: ["Weave"], fields: ["colour", "length"] },
  second: { version: "2.0.0", methods: ["Weave", "Rest"], fields: ["colour", "length"] },
  broken: { version: "3.0.0", methods: ["Weave", "Rest"], fields: ["colour"] },
} as const;

const { version, methods, fields } = CONTRACTS[(process.argv[2] ?? "first") as keyof typeof CONTRACTS];
const { services } = contractOf("loom.v1", { LoomService: methods }, { fields });

/** Every method answers with the version that answered. */
const answer = () => ({ colour: version });

await run(
  defineService({
    name: "loom",
    version,
    implement: () =>
      services.map((service) =>
        implementation(
          service,
          Object.fromEntries(service.methods.map(({ localName }) => [localName, answer])) as never,
        ),
      ),
  }),
);
