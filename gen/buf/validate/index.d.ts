export * from "./validate_pb.js";
