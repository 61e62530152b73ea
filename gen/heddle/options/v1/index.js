export * from "./options_pb.js";
import { remember } from "../../../descriptor-sets/generated-files.js";
import { file_heddle_options_v1_options } from "./options_pb.js";
remember("heddle.options.v1", [file_heddle_options_v1_options]);
