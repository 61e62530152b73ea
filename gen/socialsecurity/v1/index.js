export * from "./access_pb.js";
export * from "./record_events_pb.js";
export * from "./record_pb.js";
export * from "./social_security_service_pb.js";
