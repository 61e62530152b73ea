export * from "./instance_pb.js";
export * from "./registry_service_pb.js";
