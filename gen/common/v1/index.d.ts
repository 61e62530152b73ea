export * from "./date_pb.js";
export * from "./money_pb.js";
