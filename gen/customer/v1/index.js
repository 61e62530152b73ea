export * from "./customer_events_pb.js";
export * from "./customer_pb.js";
export * from "./customer_service_pb.js";
