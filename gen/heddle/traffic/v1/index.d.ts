export * from "./comparison_pb.js";
export * from "./policy_pb.js";
export * from "./rule_pb.js";
export * from "./traffic_service_pb.js";
