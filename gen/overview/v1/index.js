export * from "./customer_overview_pb.js";
export * from "./overview_service_pb.js";
