export * from "./annotations_pb.js";
export * from "./field_behavior_pb.js";
export * from "./http_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_google_api_annotations } from "./annotations_pb.js";
import { file_google_api_field_behavior } from "./field_behavior_pb.js";
import { file_google_api_http } from "./http_pb.js";
remember("google.api", [file_google_api_annotations, file_google_api_field_behavior, file_google_api_http]);
