export * from "./options_pb.js";
