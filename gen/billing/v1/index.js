export * from "./account_pb.js";
export * from "./authorization_pb.js";
export * from "./billing_events_pb.js";
export * from "./billing_service_pb.js";
export * from "./ledger_pb.js";
