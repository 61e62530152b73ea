import { currentCall } from "@heddle/mesh/rpc";

/**
 * Who makes the current call, for the log: a user's id, the name of a service, `local` for whoever needs no credentials on a
 * development machine. Only what is proven stands in a log that is kept as evidence.
 */
export const currentCaller = (): string => currentCall()?.caller.id ?? "anonymous";
