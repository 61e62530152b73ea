export * from "./auth_events_pb.js";
export * from "./auth_service_pb.js";
export * from "./session_pb.js";
export * from "./signing_key_pb.js";
export * from "./user_pb.js";
