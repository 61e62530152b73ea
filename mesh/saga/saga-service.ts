import { ListSagasRequestSchema, SagaService } from "@heddle/contracts/heddle/saga/v1";
import { fail } from "../contract/fail.ts";
import { nextPageToken, pageOf, takePage } from "../contract/page.ts";
import { type Implementation, implementation } from "../rpc/index.ts";
import type { Store } from "../store/store.ts";
import { SAGA_ENDED, SAGA_NOT_FOUND } from "./errors.ts";
import { STATES, sagaMessage } from "./messages.ts";
import { type SagaRecord, type SagaStatus, statusOf } from "./saga-record.ts";
import type { SagaEngine } from "./sagas.ts";
import { sagaStore } from "./store.ts";

const PAGE_SIZES = { defaultSize: 50, maxSize: 500 } as const;

/** Serves `heddle.saga.v1` over the sagas of a service: as their rows say, and what runs here as it is now. */
export const sagaImplementation = (engine: SagaEngine, store: Store): Implementation => {
  const shown = (saga: SagaRecord) => sagaMessage(saga, engine.definitionOf(saga));
  return implementation(SagaService, {
    async listSagas(request) {
      const { size, after } = pageOf(ListSagasRequestSchema, request, PAGE_SIZES);
      const statuses = request.states.flatMap((state) => STATUSES.find((status) => STATES[status] === state) ?? []);
      const { name, key } = request;
      const list = { name, key, statuses, beforeId: after?.[0], limit: size + 1 };
      const { items, last } = takePage(await store.read((reader) => sagaStore.list(reader, list)), size);
      const token = last && nextPageToken(ListSagasRequestSchema, request, [last.id]);
      return { sagas: items.map((saga) => shown(engine.current(saga.id) ?? saga)), nextPageToken: token ?? "" };
    },
    async getSaga({ sagaId }) {
      const saga = engine.current(sagaId) ?? (await store.read((reader) => sagaStore.find(reader, sagaId)));
      if (saga === undefined) throw fail(SAGA_NOT_FOUND, { sagaId });
      return { saga: shown(saga) };
    },
    async retrySaga({ sagaId }) {
      const saga = await engine.retry(sagaId);
      if (saga === undefined) throw fail(SAGA_NOT_FOUND, { sagaId });
      if (saga.endMs !== undefined) throw fail(SAGA_ENDED, { sagaId, state: statusOf(saga).toUpperCase() });
      return { saga: shown(saga) };
    },
  });
};

const STATUSES = Object.keys(STATES) as SagaStatus[];
