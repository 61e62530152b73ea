export * from "./admission_pb.js";
export * from "./check_pb.js";
export * from "./contract_service_pb.js";
export * from "./override_pb.js";
