export { ANONYMOUS, type Caller, LOCAL } from "./caller.ts";
export { notLocalBecause } from "./local-call.ts";
