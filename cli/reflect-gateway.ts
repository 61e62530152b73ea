import { dataFolder } from "./data-folder.ts";
import { usageFailure } from "./failure.ts";
import { gatewayUrl } from "./mesh-options.ts";
import { readState, supervisorLives } from "./state-file.ts";

/**
 * The gateway that a command talks to: `--gateway`, else HEDDLE_GATEWAY or HEDDLE_PORT, else the mesh that runs on the data
 * folder, else port 8080. Throws a usage failure when it is no URL.
 */
export const chosenGateway = (option: string | undefined, env: NodeJS.ProcessEnv = process.env): string => {
  const said = option !== undefined || env.HEDDLE_GATEWAY || env.HEDDLE_PORT;
  const url = gatewayUrl(option, said ? undefined : runningMesh(env), env);
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return new URL(url).origin;
  throw usageFailure(`"${url}" is not the URL of a gateway.`, "Write it like --gateway http://127.0.0.1:8080.");
};

const runningMesh = (env: NodeJS.ProcessEnv): { readonly gateway: string } | undefined => {
  const state = readState(dataFolder(undefined, env).stateFile);
  return state !== undefined && supervisorLives(state) ? state : undefined;
};
