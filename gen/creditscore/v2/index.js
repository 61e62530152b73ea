export * from "./credit_score_events_pb.js";
export * from "./credit_score_pb.js";
export * from "./credit_score_service_pb.js";
