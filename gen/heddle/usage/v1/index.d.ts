export * from "./usage_pb.js";
export * from "./usage_service_pb.js";
