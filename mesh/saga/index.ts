export {
  type ActionContext,
  defineSaga,
  type Outcome,
  Refusal,
  refuse,
  type SagaDefinition,
  type SagaFailure,
  type SagaStep,
  type StepContext,
} from "./define-saga.ts";
export type { SagaRecord, SagaStatus } from "./saga-record.ts";
export { sagaImplementation } from "./saga-service.ts";
export { SagaEngine, type Sagas } from "./sagas.ts";
export type { SagaResult, StartedSaga } from "./started-saga.ts";
