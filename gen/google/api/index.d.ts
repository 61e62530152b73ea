export * from "./annotations_pb.js";
export * from "./field_behavior_pb.js";
export * from "./http_pb.js";
