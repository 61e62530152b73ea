export * from "./order_events_pb.js";
export * from "./order_pb.js";
export * from "./order_service_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_order_v1_order_events } from "./order_events_pb.js";
import { file_order_v1_order } from "./order_pb.js";
import { file_order_v1_order_service } from "./order_service_pb.js";
remember("order.v1", [file_order_v1_order_events, file_order_v1_order, file_order_v1_order_service]);
