export * from "./reflection_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_grpc_reflection_v1alpha_reflection } from "./reflection_pb.js";
remember("grpc.reflection.v1alpha", [file_grpc_reflection_v1alpha_reflection]);
