import { cleanEnv, EnvError, makeValidator, type ValidatorSpec } from "envalid";
import { parsePlaces } from "../discovery/place.ts";
import { ACCESS_MODES, type AccessMode } from "../identity/access-mode.ts";
import { isLoopbackHost } from "../identity/local-call.ts";
import { LOG_LEVELS, type LogLevel } from "../observe/index.ts";
import { WIRES, type WireChoice } from "../rpc/wire-choice.ts";
import { pageOrigins } from "./page-origins.ts";

/** Environment variables by name, each with its validator, description and default (see `envalid`). */
export type Variables = Readonly<Record<string, ValidatorSpec<unknown>>>;

/** The parsed values of a set of variables. */
export type Config<V extends Variables> = { readonly [K in keyof V]: V[K] extends ValidatorSpec<infer T> ? T : never };

/** Every wrong variable at once, so that one start is enough to mend them. */
export class ConfigError extends Error {
  /** One line per variable: its name, what is wrong, what it is for. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`The environment is not right:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const integer = makeValidator<number>((text) => {
  if (!/^\d+$/.test(text)) throw new EnvError(`"${text}" is not a whole number`);
  return Number(text);
});

/** Milliseconds that may be none; so few that they were meant for seconds would end what is well. */
const SECOND_MS = 1_000;
const noneOrASecond = makeValidator<number>((text) => {
  const ms = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(ms === 0 || ms >= SECOND_MS)) throw new EnvError(`"${text}" is neither 0 nor ${SECOND_MS} or more`);
  return ms;
});

const portNumber = makeValidator<number>((text) => {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new EnvError(`"${text}" is not a port: 0 to 65535`);
  return port;
});

const hostName = makeValidator<string>((text) => {
  if (!isHost(text))
    throw new EnvError(`"${text}" is neither an address nor a name to listen on: write it without a port`);
  return text;
});

const accessMode = makeValidator<AccessMode>((text) => {
  const mode = ACCESS_MODES.find((known) => known === text);
  if (mode === undefined) throw new EnvError(`"${text}" is not one of ${ACCESS_MODES.join(", ")}`);
  return mode;
});

/** Gateways that an instance registers with. */
const GATEWAYS_MAX = 16;

const gatewayUrls = makeValidator<readonly [string, ...string[]]>((text) => {
  const [first, ...others] = text.split(",").map((part) => httpUrl(part.trim()));
  if (first === undefined || others.length >= GATEWAYS_MAX)
    throw new EnvError(`are more than ${GATEWAYS_MAX} gateways`);
  return [first, ...others.filter((other, index) => other !== first && others.indexOf(other) === index)];
});

const httpUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" || url.pathname !== "/")
    throw new EnvError(`"${text}" is not like http://127.0.0.1:8080`);
  return url.origin;
};

const locality = makeValidator<string>((text) => {
  if (!/^[A-Za-z0-9._-]{1,63}$/.test(text))
    throw new EnvError(`"${text}" is no locality: 1 to 63 letters, digits, dots, dashes and underscores`);
  return text;
});

const endpointPlaces = makeValidator<string>((text) => {
  try {
    parsePlaces(text);
  } catch (error) {
    throw new EnvError((error as TypeError).message);
  }
  return text;
});

const onOrOff = makeValidator<"on" | "off">((text) => {
  if (text !== "on" && text !== "off") throw new EnvError(`"${text}" is neither on nor off`);
  return text;
});

const nonEmpty = makeValidator<string>((text) => {
  if (text.trim() === "") throw new EnvError("is empty");
  return text;
});

const logLevel = makeValidator<LogLevel>((text) => {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new EnvError(`"${text}" is not one of ${LOG_LEVELS.join(", ")}`);
  return level;
});

const wireChoice = makeValidator<WireChoice>((text) => {
  const wire = WIRES.find((known) => known === text);
  if (wire === undefined) throw new EnvError(`"${text}" is not one of ${WIRES.join(", ")}`);
  return wire;
});

/** Validators for services' own variables. */
export const variable = { integer, nonEmpty };

/** What every service reads from its environment. */
export const MESH_VARIABLES = {
  HEDDLE_HOST: hostName({ default: "127.0.0.1", desc: "address to listen on" }),
  HEDDLE_PORT: portNumber({ default: 8080, desc: "the gateway's port; services take a free one" }),
  HEDDLE_LISTEN_FD: integer({
    default: undefined,
    desc: "descriptor of a listening socket for the gateway to take connections from, in place of its port",
  }),
  HEDDLE_GATEWAY: gatewayUrls({
    default: ["http://127.0.0.1:8080"],
    desc: "where services find the gateway; several, with commas between them, where there are several",
  }),
  HEDDLE_DIRECT: onOrOff({
    default: "on",
    desc: "on: services call each other's instances themselves; off: every call goes through the gateway",
  }),
  HEDDLE_ENDPOINTS: endpointPlaces({
    default: "",
    desc: "where packages are served, where no gateway knows: customer.v1=10.0.0.1:4000,dns:customer.internal:4000;order.v1=srv:_grpc._tcp.order.internal",
  }),
  HEDDLE_LOCALITY: locality({
    default: "",
    desc: "where this process runs, such as a zone: calls stay near where they can",
  }),
  HEDDLE_ACCESS: accessMode({
    default: "local",
    desc: "enforced, or local on a loopback address: whoever calls from this machine without credentials may do everything",
  }),
  HEDDLE_CORS_ORIGINS: pageOrigins({
    default: [],
    desc: "origins whose web pages may call, such as https://app.example.com,http://localhost:5173",
  }),
  HEDDLE_IDENTITY_KEY_FILE: nonEmpty({
    default: undefined,
    desc: "file with the secret by which services prove their names; heddle up makes one",
  }),
  HEDDLE_DATA: nonEmpty({ default: "./data", desc: "folder of the services' databases" }),
  HEDDLE_LOG_LEVEL: logLevel({ default: "info", desc: `one of ${LOG_LEVELS.join(", ")}` }),
  HEDDLE_WIRE: wireChoice({ default: "heddle", desc: "who speaks HTTP/2: heddle, or node for Node's own beside it" }),
  HEDDLE_DRAIN_MS: integer({ default: 10_000, desc: "milliseconds that running calls get to finish at the end" }),
  HEDDLE_HANG_MS: noneOrASecond({
    default: 30_000,
    desc: "milliseconds without a sign of life after which `heddle up` kills a process, and starts another; 0: never",
  }),
} satisfies Variables;

export type MeshConfig = Config<typeof MESH_VARIABLES>;

/** Parses `env` by `variables`. Throws a ConfigError that lists every variable that is wrong. */
export const parseConfig = <V extends Variables>(env: NodeJS.ProcessEnv, variables: V): Config<V> => {
  const cleaned = cleanEnv(
    withoutEmpty(withAccess(withGateway(env))),
    variables as Record<string, ValidatorSpec<unknown>>,
    {
      reporter: ({ errors }) => {
        const problems = Object.entries(errors).map(([name, error]) => {
          const purpose = variables[name]?.desc;
          return `${name}: ${error?.message || "is required"}${purpose === undefined ? "" : ` (${purpose})`}`;
        });
        if (problems.length > 0) throw new ConfigError(problems);
      },
    },
  );
  const config = { ...cleaned } as Config<V>;
  const { HEDDLE_ACCESS: mode, HEDDLE_HOST: host } = config as Partial<MeshConfig>;
  if (mode === "local" && host !== undefined && !isLoopbackHost(host)) {
    throw new ConfigError([
      `HEDDLE_ACCESS: "local" lets in whoever can reach ${host}: leave it out, or listen on 127.0.0.1`,
    ]);
  }
  return Object.freeze(config);
};

/** One variable as it is in force. */
export interface ConfigRow {
  readonly service: string;
  readonly name: string;
  /** The value in force; a secret shows as `***`. */
  readonly value: string;
  readonly source: "environment" | "default";
  readonly description: string;
}

/** What is in force for each service, and where it came from. Throws a ConfigError like `parseConfig`. */
export const describeConfig = (
  definitions: readonly { readonly name: string; readonly config?: Variables | undefined }[],
  env: NodeJS.ProcessEnv,
): ConfigRow[] =>
  definitions.flatMap(({ name: service, config: own }) => {
    const variables: Variables = { ...MESH_VARIABLES, ...own };
    const values: Record<string, unknown> = parseConfig(env, variables);
    return Object.entries(variables).map(([name, spec]) => ({
      service,
      name,
      value: values[name] === undefined ? "" : SECRET_NAME.test(name) ? "***" : String(values[name]),
      source: env[name] ? ("environment" as const) : ("default" as const),
      description: spec.desc ?? "",
    }));
  });

const SECRET_NAME = /_(KEY|SECRET|TOKEN|PASSWORD)S?(_|$)/;

/** An empty variable is one that was not set. */
const withoutEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));

/** Whoever else can reach an address must show who they are. */
const withAccess = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  env.HEDDLE_ACCESS || !env.HEDDLE_HOST || isLoopbackHost(env.HEDDLE_HOST)
    ? env
    : { ...env, HEDDLE_ACCESS: "enforced" satisfies AccessMode };

const isHost = (text: string): boolean => URL.canParse(`http://${hostInUrl(text)}:1`) && !/[/?#@[\]]/.test(text);

const hostInUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

/** Where a process of the same machine finds what listens on every address. */
const ANY_ADDRESS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** The gateway is where its own variables put it, unless somebody says otherwise. */
const withGateway = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  if (env.HEDDLE_GATEWAY) return env;
  const host = env.HEDDLE_HOST || MESH_VARIABLES.HEDDLE_HOST.default;
  const port = env.HEDDLE_PORT || MESH_VARIABLES.HEDDLE_PORT.default;
  const gateway = `http://${hostInUrl(ANY_ADDRESS[host ?? ""] ?? host ?? "")}:${port}`;
  // Where one of the two is wrong, it alone is to be told: nobody has set the gateway.
  return isHost(host ?? "") && URL.canParse(gateway) ? { ...env, HEDDLE_GATEWAY: gateway } : env;
};
