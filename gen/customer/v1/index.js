export * from "./customer_events_pb.js";
export * from "./customer_pb.js";
export * from "./customer_service_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_customer_v1_customer_events } from "./customer_events_pb.js";
import { file_customer_v1_customer } from "./customer_pb.js";
import { file_customer_v1_customer_service } from "./customer_service_pb.js";
remember("customer.v1", [file_customer_v1_customer_events, file_customer_v1_customer, file_customer_v1_customer_service]);
