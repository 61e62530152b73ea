export * from "./usage_pb.js";
export * from "./usage_service_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_heddle_usage_v1_usage } from "./usage_pb.js";
import { file_heddle_usage_v1_usage_service } from "./usage_service_pb.js";
remember("heddle.usage.v1", [file_heddle_usage_v1_usage, file_heddle_usage_v1_usage_service]);
