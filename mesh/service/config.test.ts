import { expect, test } from "vitest";
import { ConfigError, describeConfig, MESH_VARIABLES, parseConfig, variable } from "./config.ts";

const OWN = {
  LOOM_THREADS: variable.integer({ desc: "threads of the loom" }),
  LOOM_MASTER_KEY: variable.nonEmpty({ default: "dev", desc: "wraps the keys" }),
};

const problemsOf = (env: NodeJS.ProcessEnv, variables = MESH_VARIABLES): readonly string[] => {
  try {
    parseConfig(env, variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

test("an empty environment gives the defaults, and an empty variable is one that was not set", () => {
  const defaults = {
    HEDDLE_HOST: "127.0.0.1",
    HEDDLE_PORT: 8080,
    HEDDLE_GATEWAY: ["http://127.0.0.1:8080"],
    HEDDLE_DIRECT: "on",
    HEDDLE_ENDPOINTS: "",
    HEDDLE_LOCALITY: "",
    HEDDLE_ACCESS: "local",
    HEDDLE_CORS_ORIGINS: [],
    HEDDLE_IDENTITY_KEY_FILE: undefined,
    HEDDLE_DATA: "./data",
    HEDDLE_LOG_LEVEL: "info",
    HEDDLE_WIRE: "heddle",
    HEDDLE_DRAIN_MS: 10_000,
    HEDDLE_HANG_MS: 30_000,
  };
  expect(parseConfig({}, MESH_VARIABLES)).toEqual(defaults);
  expect(parseConfig({ HEDDLE_PORT: "", HEDDLE_HOST: "", HEDDLE_GATEWAY: "" }, MESH_VARIABLES)).toEqual(defaults);
});

test("every wrong variable is listed at once, with what is wrong and what it is for", () => {
  const env = {
    HEDDLE_PORT: "eighty",
    HEDDLE_HOST: "127.0.0.1:80",
    HEDDLE_ACCESS: "on",
    HEDDLE_GATEWAY: "ftp://127.0.0.1",
    HEDDLE_DATA: " ",
    HEDDLE_LOG_LEVEL: "loud",
    HEDDLE_DRAIN_MS: "-1",
    HEDDLE_HANG_MS: "30",
  };
  const problems = problemsOf(env, { ...MESH_VARIABLES, ...OWN });
  expect(problems.map((problem) => problem.split(":")[0]).toSorted()).toEqual(
    [...Object.keys(env), "LOOM_THREADS"].toSorted(),
  );
  expect(problems).toContain(
    'HEDDLE_PORT: "eighty" is not a port: 0 to 65535 (the gateway\'s port; services take a free one)',
  );
  expect(problems.find((problem) => problem.startsWith("LOOM_THREADS"))).toContain("threads of the loom");
  expect(() => parseConfig(env, MESH_VARIABLES)).toThrow(/HEDDLE_PORT[\s\S]*HEDDLE_DRAIN_MS/);
});

test("a process may hang for a second and more, or for ever", () => {
  for (const text of ["0", "1000"]) expect(problemsOf({ HEDDLE_HANG_MS: text })).toEqual([]);
  for (const text of ["1", "999", "1e4"]) {
    expect(problemsOf({ HEDDLE_HANG_MS: text })).toEqual([expect.stringContaining("is neither 0 nor 1000 or more")]);
  }
});

test.each(["65536", "-1", "1.5", "0x50", "80 ", "1e3"])("%j is not a port", (text) => {
  expect(problemsOf({ HEDDLE_PORT: text })).toEqual([expect.stringContaining("is not a port")]);
});

test.each(["0.0.0.0", "::", "192.168.1.7", "example.com", "127.0.0.1.nip.io"])(
  "access is enforced where %s is listened on, and cannot be left open there",
  (host) => {
    expect(parseConfig({ HEDDLE_HOST: host }, MESH_VARIABLES).HEDDLE_ACCESS).toBe("enforced");
    expect(problemsOf({ HEDDLE_HOST: host, HEDDLE_ACCESS: "local" })).toEqual([
      expect.stringContaining(`whoever can reach ${host}`),
    ]);
  },
);

test.each(["127.0.0.1", "::1", "localhost"])("access is local on %s, unless it is to be enforced", (host) => {
  expect(parseConfig({ HEDDLE_HOST: host }, MESH_VARIABLES).HEDDLE_ACCESS).toBe("local");
  expect(parseConfig({ HEDDLE_HOST: host, HEDDLE_ACCESS: "enforced" }, MESH_VARIABLES).HEDDLE_ACCESS).toBe("enforced");
});

test.each(["a b", "127.0.0.1:80", "http://127.0.0.1", "host/path", "[::1]"])("%j is no host", (host) => {
  expect(problemsOf({ HEDDLE_HOST: host })).toEqual([expect.stringContaining("write it without a port")]);
});

test("several gateways stand in one variable, each once, and one that is wrong is named", () => {
  const text = "http://10.0.0.1:8080, http://10.0.0.2:8080/,http://10.0.0.1:8080";
  expect(parseConfig({ HEDDLE_GATEWAY: text }, MESH_VARIABLES).HEDDLE_GATEWAY).toEqual([
    "http://10.0.0.1:8080",
    "http://10.0.0.2:8080",
  ]);
  expect(problemsOf({ HEDDLE_GATEWAY: "http://10.0.0.1:8080,ftp://10.0.0.2" })).toEqual([
    expect.stringContaining("ftp://10.0.0.2"),
  ]);
});

test("services look for the gateway where its own variables put it", () => {
  const gatewayOf = (env: NodeJS.ProcessEnv) => parseConfig(env, MESH_VARIABLES).HEDDLE_GATEWAY.join();
  expect(gatewayOf({ HEDDLE_PORT: "9090" })).toBe("http://127.0.0.1:9090");
  expect(gatewayOf({ HEDDLE_HOST: "::1" })).toBe("http://[::1]:8080");
  expect(gatewayOf({ HEDDLE_HOST: "0.0.0.0" })).toBe("http://127.0.0.1:8080");
  expect(gatewayOf({ HEDDLE_HOST: "::" })).toBe("http://[::1]:8080");
  expect(gatewayOf({ HEDDLE_HOST: "localhost", HEDDLE_PORT: "9090" })).toBe("http://localhost:9090");
  expect(gatewayOf({ HEDDLE_PORT: "9090", HEDDLE_GATEWAY: "http://10.0.0.1:80" })).toBe("http://10.0.0.1");
});

test("a wrong port or host is told once, not again as a wrong gateway", () => {
  expect(problemsOf({ HEDDLE_PORT: "eighty" })).toHaveLength(1);
  expect(problemsOf({ HEDDLE_HOST: "not a host" })).toHaveLength(1);
});

test.each(["127.0.0.1:8080", "http://127.0.0.1/path", "https://127.0.0.1", "gateway"])("%s is no gateway", (url) => {
  expect(problemsOf({ HEDDLE_GATEWAY: url })).toEqual([expect.stringContaining("http://127.0.0.1:8080")]);
});

test("the result cannot be changed", () => {
  expect(Object.isFrozen(parseConfig({}, MESH_VARIABLES))).toBe(true);
});

test("a description says for each service what is in force and where it came from", () => {
  const rows = describeConfig([{ name: "loom", config: OWN }, { name: "mill" }], {
    LOOM_THREADS: "12",
    HEDDLE_PORT: "9090",
  });
  expect(rows).toContainEqual({
    service: "loom",
    name: "LOOM_THREADS",
    value: "12",
    source: "environment",
    description: "threads of the loom",
  });
  const row = (service: string, name: string) => rows.find((r) => r.service === service && r.name === name);
  expect(row("mill", "HEDDLE_PORT")).toMatchObject({ value: "9090", source: "environment" });
  expect(row("mill", "HEDDLE_DATA")).toMatchObject({ value: "./data", source: "default" });
  expect(row("mill", "HEDDLE_GATEWAY")).toMatchObject({ value: "http://127.0.0.1:9090" });
  expect(row("mill", "LOOM_THREADS")).toBeUndefined();
});

test("a secret shows as three stars, from the environment or by default", () => {
  for (const env of [{ LOOM_THREADS: "1" }, { LOOM_THREADS: "1", LOOM_MASTER_KEY: "hush" }]) {
    const rows = describeConfig([{ name: "loom", config: OWN }], env);
    expect(rows.find(({ name }) => name === "LOOM_MASTER_KEY")?.value).toBe("***");
    expect(JSON.stringify(rows)).not.toMatch(/hush|"dev"/);
  }
});

test("a name that says more than that it is a secret is one as well", () => {
  for (const name of ["LOOM_KEY_PREVIOUS", "LOOM_TOKENS", "LOOM_PASSWORD_OLD"]) {
    const config = { [name]: variable.nonEmpty({ default: "dev" }) };
    expect(describeConfig([{ name: "loom", config }], {}).find((row) => row.name === name)?.value).toBe("***");
  }
});

test("a description of a wrong environment is refused like its start", () => {
  expect(() => describeConfig([{ name: "mill" }], { HEDDLE_PORT: "x" })).toThrow(ConfigError);
});
