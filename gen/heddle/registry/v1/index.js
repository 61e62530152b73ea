export * from "./instance_pb.js";
export * from "./registry_service_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_heddle_registry_v1_instance } from "./instance_pb.js";
import { file_heddle_registry_v1_registry_service } from "./registry_service_pb.js";
remember("heddle.registry.v1", [file_heddle_registry_v1_instance, file_heddle_registry_v1_registry_service]);
