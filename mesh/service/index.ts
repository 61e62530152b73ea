export {
  ConfigError,
  type ConfigRow,
  describeConfig,
  MESH_VARIABLES,
  type MeshConfig,
  parseConfig,
  type Variables,
  variable,
} from "./config.ts";
export {
  type CustomServing,
  defineService,
  type ServiceContext,
  type ServiceDefinition,
  type Serving,
} from "./define-service.ts";
export { type HealthSource, ServingStatus } from "./health.ts";
export { type DescriptorSource, descriptorsOf } from "./reflection.ts";
export { run } from "./run.ts";
export { runTogether } from "./run-together.ts";
export { type RunningService, startService } from "./start-service.ts";
