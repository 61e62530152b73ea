export * from "./credit_score_events_pb.js";
export * from "./credit_score_pb.js";
export * from "./credit_score_service_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_creditscore_v2_credit_score_events } from "./credit_score_events_pb.js";
import { file_creditscore_v2_credit_score } from "./credit_score_pb.js";
import { file_creditscore_v2_credit_score_service } from "./credit_score_service_pb.js";
remember("creditscore.v2", [file_creditscore_v2_credit_score_events, file_creditscore_v2_credit_score, file_creditscore_v2_credit_score_service]);
