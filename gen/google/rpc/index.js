export * from "./code_pb.js";
export * from "./error_details_pb.js";
export * from "./status_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_google_rpc_code } from "./code_pb.js";
import { file_google_rpc_error_details } from "./error_details_pb.js";
import { file_google_rpc_status } from "./status_pb.js";
remember("google.rpc", [file_google_rpc_code, file_google_rpc_error_details, file_google_rpc_status]);
