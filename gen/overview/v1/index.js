export * from "./customer_overview_pb.js";
export * from "./overview_service_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_overview_v1_customer_overview } from "./customer_overview_pb.js";
import { file_overview_v1_overview_service } from "./overview_service_pb.js";
remember("overview.v1", [file_overview_v1_customer_overview, file_overview_v1_overview_service]);
