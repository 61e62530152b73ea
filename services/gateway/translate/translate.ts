import type { DescMethod } from "@bufbuild/protobuf";
import type { Logger } from "@heddle/mesh/observe";
import { type TranslatedMethod, translateMethod } from "@heddle/mesh/rpc";
import type { Ids, Timers } from "@heddle/mesh/runtime";
import type { HeaderList, HttpStream } from "@heddle/mesh/wire";
import type { Contracts } from "../registry/contracts.ts";
import type { Backends } from "./backends.ts";

/** Answers gRPC-Web, Connect and JSON for instances, of which none need speak more than gRPC. */
export interface Translator {
  /** Takes over an exchange. `end`: the request has no body. */
  answer(stream: HttpStream, headers: HeaderList, end: boolean, method: DescMethod): void;
}

export const createTranslator = ({
  contracts,
  backends,
  timers,
  ids,
  log,
}: {
  contracts: Pick<Contracts, "registryOf">;
  backends: Backends;
  timers: Timers;
  ids: Ids;
  log: Logger;
}): Translator => {
  /** Compiled once for each method of a contract, and gone with it. */
  const compiled = new WeakMap<DescMethod, TranslatedMethod>();
  return {
    answer(stream, headers, end, method) {
      let translated = compiled.get(method);
      if (translated === undefined) {
        translated = translateMethod(method, { timers, ids, log, registry: contracts.registryOf(method) });
        compiled.set(method, translated);
      }
      translated.answer(stream, headers, end, backends.transportFor(method, { headers, peer: stream.peer }));
    },
  };
};
