export * from "./health_pb.js";
