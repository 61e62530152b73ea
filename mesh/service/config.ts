import { cleanEnv, EnvError, makeValidator, type ValidatorSpec } from "envalid";
import { LOG_LEVELS, type LogLevel } from "../observe/index.ts";
import { WIRES, type WireChoice } from "../rpc/wire-choice.ts";

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

const portNumber = makeValidator<number>((text) => {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 0 && port <= 65_535)) throw new EnvError(`"${text}" is not a port: 0 to 65535`);
  return port;
});

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

const loopbackHost = makeValidator<string>((text) => {
  if (!LOOPBACK.has(text)) {
    throw new EnvError(
      `"${text}" is not a loopback address. Access rules are declared but not enforced yet, so the mesh listens on 127.0.0.1, ::1 or localhost only`,
    );
  }
  return text;
});

const httpUrl = makeValidator<string>((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" || url.pathname !== "/")
    throw new EnvError(`"${text}" is not like http://127.0.0.1:8080`);
  return url.origin;
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
  HEDDLE_HOST: loopbackHost({ default: "127.0.0.1", desc: "address to listen on" }),
  HEDDLE_PORT: portNumber({ default: 8080, desc: "the gateway's port; services take a free one" }),
  HEDDLE_GATEWAY: httpUrl({ default: "http://127.0.0.1:8080", desc: "where services find the gateway" }),
  HEDDLE_DATA: nonEmpty({ default: "./data", desc: "folder of the services' databases" }),
  HEDDLE_LOG_LEVEL: logLevel({ default: "info", desc: `one of ${LOG_LEVELS.join(", ")}` }),
  HEDDLE_WIRE: wireChoice({ default: "heddle", desc: "who speaks HTTP/2: heddle, or node for Node's own beside it" }),
  HEDDLE_DRAIN_MS: integer({ default: 10_000, desc: "milliseconds that running calls get to finish at the end" }),
} satisfies Variables;

export type MeshConfig = Config<typeof MESH_VARIABLES>;

/** Parses `env` by `variables`. Throws a ConfigError that lists every variable that is wrong. */
export const parseConfig = <V extends Variables>(env: NodeJS.ProcessEnv, variables: V): Config<V> => {
  const cleaned = cleanEnv(withoutEmpty(withGateway(env)), variables as Record<string, ValidatorSpec<unknown>>, {
    reporter: ({ errors }) => {
      const problems = Object.entries(errors).map(([name, error]) => {
        const purpose = variables[name]?.desc;
        return `${name}: ${error?.message || "is required"}${purpose === undefined ? "" : ` (${purpose})`}`;
      });
      if (problems.length > 0) throw new ConfigError(problems);
    },
  });
  return Object.freeze({ ...cleaned }) as Config<V>;
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

/** The gateway is where its own variables put it, unless somebody says otherwise. */
const withGateway = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  if (env.HEDDLE_GATEWAY) return env;
  const host = env.HEDDLE_HOST || MESH_VARIABLES.HEDDLE_HOST.default;
  const port = env.HEDDLE_PORT || MESH_VARIABLES.HEDDLE_PORT.default;
  const gateway = `http://${host?.includes(":") ? `[${host}]` : host}:${port}`;
  // Where one of the two is wrong, it alone is to be told: nobody has set the gateway.
  return URL.canParse(gateway) ? { ...env, HEDDLE_GATEWAY: gateway } : env;
};
