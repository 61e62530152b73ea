export * from "./saga_pb.js";
export * from "./saga_service_pb.js";
