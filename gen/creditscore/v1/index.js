export * from "./credit_score_pb.js";
export * from "./credit_score_service_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_creditscore_v1_credit_score } from "./credit_score_pb.js";
import { file_creditscore_v1_credit_score_service } from "./credit_score_service_pb.js";
remember("creditscore.v1", [file_creditscore_v1_credit_score, file_creditscore_v1_credit_score_service]);
