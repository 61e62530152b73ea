import type { DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import type { SettingSchema } from "@heddle/contracts/heddle/traffic/v1";
import { methodOptions } from "@heddle/mesh/contract";
import { type AdmissionState, methodPolicy } from "@heddle/mesh/policy";
import { DEFAULT_RPC_LIMITS } from "@heddle/mesh/rpc";
import { CALLS_PER_INSTANCE_MAX } from "../relay/upstreams.ts";

type Setting = MessageInitShape<typeof SettingSchema>;

/** What is in force for the calls of a method, each with the reason, in words. */
export const describePolicy = (method: DescMethod): Setting[] => {
  const policy = methodPolicy(method);
  const { timeoutMs, repeats, attemptsMax, hedge, retryBudget, circuitBreaker, priority, rateLimit, cacheMs } = policy;
  const { share, perSecond, windowSeconds } = retryBudget.value;
  const { callsMin, perSuccess, shareMax } = circuitBreaker.value;
  const setting = (name: string, value: string, why: string): Setting => ({ name, value, why });
  return [
    setting("access", accessOf(method), "the contract: access"),
    setting("deadline", optional(timeoutMs.value, seconds), timeoutMs.why),
    setting("retry", repeats.value, repeats.why),
    setting("attempts", `at most ${attemptsMax.value}`, attemptsMax.why),
    setting("retry budget", `${share * 100} % of the calls + ${perSecond}/s, over ${windowSeconds} s`, retryBudget.why),
    setting(
      "hedge",
      optional(hedge.value, (each) => `after ${seconds(each.delayMs)}, ${each.attemptsMax} copies`),
      hedge.why,
    ),
    setting(
      "breaker",
      `holds back up to ${shareMax * 100} % while fewer than 1 in ${perSuccess} of ${callsMin} and more succeed`,
      `${circuitBreaker.why}; at services that call it, not at the gateway`,
    ),
    setting("priority", priority.value, priority.why),
    setting(
      "rate",
      optional(rateLimit.value, (each) => `${each.callsPerSecond}/s of each caller, ${each.burst} at once`),
      rateLimit.why,
    ),
    setting("cache", optional(cacheMs.value, seconds), cacheMs.why),
    setting("room", `${CALLS_PER_INSTANCE_MAX} calls at once to an instance`, "the gateway's limit"),
    setting("message", `${DEFAULT_RPC_LIMITS.messageBytesMax / 2 ** 20} MiB at most`, "default of the mesh"),
  ];
};

/** Whether the gateway sheds calls now, in words. */
export const overloadSetting = ({ isOverloaded, limit, shed, turnMs, toleratedMs }: AdmissionState): Setting => {
  const total = shed.low + shed.normal + shed.high;
  const value = isOverloaded ? `the gateway sheds calls: ${limit} may begin in a turn` : "the gateway sheds no calls";
  const turn = `its turns take ${Math.round(turnMs)} of ${Math.round(toleratedMs)} ms`;
  return { name: "overload", value, why: `${turn}; ${total} shed since its start` };
};

const optional = <T>(value: T | undefined, words: (value: T) => string): string =>
  value === undefined ? "none" : words(value);

const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`);

const accessOf = (method: DescMethod): string => {
  const { access } = methodOptions(method);
  if (access.public) return "everybody";
  const who = [...access.roles.map((role) => `role ${role}`), ...access.services.map((name) => `service ${name}`)];
  return who.length === 0 ? "nobody" : who.join(", ");
};
