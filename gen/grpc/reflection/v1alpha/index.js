export * from "./reflection_pb.js";
