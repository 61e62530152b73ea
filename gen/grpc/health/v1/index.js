export * from "./health_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_grpc_health_v1_health } from "./health_pb.js";
remember("grpc.health.v1", [file_grpc_health_v1_health]);
