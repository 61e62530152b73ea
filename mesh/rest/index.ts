export { type Binding, type Bindings, bindingsOf } from "./binding.ts";
export { givesRawBody, type RawBody, rawBodyOf, rawRequest, takesRawBody } from "./http-body.ts";
export { nearestTemplate } from "./nearest-template.ts";
export { parameterProblem, singularMessage } from "./parameter-field.ts";
export {
  type PathTemplate,
  parseTemplate,
  TemplateError,
  type TemplateSegment,
  type TemplateVariable,
} from "./path-template.ts";
export {
  BODY_NOT_GZIP,
  BODY_TOO_LARGE,
  ENCODING_UNSUPPORTED,
  PATH_UNKNOWN,
  PATH_UNKNOWN_BUT_NEAR,
  REST_DOMAIN,
  STREAM_UNSUPPORTED,
  VERB_NOT_ALLOWED,
} from "./reasons.ts";
export { replyJson } from "./reply.ts";
export { type RestRequest, readRequest } from "./request.ts";
export { parsePath, type RequestPath, splitTarget } from "./request-path.ts";
export { type Entry, type Match, RouteTable } from "./route-table.ts";
export { HTTP_STATUS, httpStatusOf, statusHeaders, statusJson } from "./status.ts";
export { type StreamForm, streamFormFor } from "./stream-form.ts";
