export * from "./event_feed_service_pb.js";
export * from "./event_pb.js";
export * from "./subscription_pb.js";
export * from "./subscription_service_pb.js";
