export * from "./reflection_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_grpc_reflection_v1_reflection } from "./reflection_pb.js";
remember("grpc.reflection.v1", [file_grpc_reflection_v1_reflection]);
