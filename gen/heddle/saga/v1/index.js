export * from "./saga_pb.js";
export * from "./saga_service_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_heddle_saga_v1_saga } from "./saga_pb.js";
import { file_heddle_saga_v1_saga_service } from "./saga_service_pb.js";
remember("heddle.saga.v1", [file_heddle_saga_v1_saga, file_heddle_saga_v1_saga_service]);
