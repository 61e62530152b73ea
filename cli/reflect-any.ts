import type { FileRegistry } from "@bufbuild/protobuf";
import { Failure } from "./failure.ts";
import type { Reflection } from "./reflect.ts";

/** Types that one message may ask for; each costs a question to the gateway. */
const TYPES_MAX = 64;

/**
 * Runs `convert`, a conversion between JSON and messages. A `google.protobuf.Any` may hold a type that no file in the registry
 * has; such a type is asked for, and the conversion is run again.
 */
export const withAnyTypes = async <T>(reflection: Reflection, convert: (registry: FileRegistry) => T): Promise<T> => {
  for (let asked = 0; ; asked++) {
    try {
      return convert(reflection.registry());
    } catch (error) {
      const typeName = MISSING_TYPE.exec(error instanceof Error ? error.message : "")?.[1];
      if (typeName === undefined || asked === TYPES_MAX) throw error;
      if ((await reflection.load([typeName])).length > 0) {
        throw new Failure(`The mesh at ${reflection.gateway} knows no ${typeName}, which is the type of an Any.`, {
          next: "heddle list shows what the mesh knows; the service that has the type may not run.",
          cause: error,
        });
      }
    }
  }
};

/** How protobuf-es says that the type of an Any is not in its registry. */
const MISSING_TYPE = /([\w.]+)"? is not in the type registry$/;
