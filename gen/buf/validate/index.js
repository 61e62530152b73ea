export * from "./validate_pb.js";
import { remember } from "../../descriptor-sets/generated-files.js";
import { file_buf_validate_validate } from "./validate_pb.js";
remember("buf.validate", [file_buf_validate_validate]);
