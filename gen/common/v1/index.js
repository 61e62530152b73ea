export * from "./date_pb.js";
export * from "./money_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_common_v1_date } from "./date_pb.js";
import { file_common_v1_money } from "./money_pb.js";
remember("common.v1", [file_common_v1_date, file_common_v1_money]);
