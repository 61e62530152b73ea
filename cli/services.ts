import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServiceDefinition } from "@heddle/mesh/service";
import { usageFailure } from "./failure.ts";

const FOLDER = fileURLToPath(new URL("../services/", import.meta.url));

/** The name of the service that is the door of the others. */
export const GATEWAY = "gateway";

/** The services of this repository: the folders of `services/` with a `main.ts`. The gateway comes first. */
export const knownServices = (): string[] =>
  readdirSync(FOLDER)
    .filter((name) => existsSync(mainFile(name)))
    .sort((a, b) => Number(b === GATEWAY) - Number(a === GATEWAY) || a.localeCompare(b));

/** The script that runs one service. */
export const mainFile = (name: string): string => join(FOLDER, name, "main.ts");

/** The services that were asked for, all when none was; throws a usage failure for one that is not known. */
export const chosenServices = async (names: readonly string[]): Promise<string[]> => {
  const known = knownServices();
  for (const name of names) {
    if (known.includes(name)) continue;
    // Loaded for the mistake alone: what it comes with takes memory that a supervisor would hold for ever.
    const { nearestName } = await import("@heddle/mesh/contract");
    const nearest = nearestName(name, known);
    throw usageFailure(
      `There is no service ${name}.`,
      nearest ? `Did you mean ${nearest}?` : `Known are ${known.join(", ")}.`,
    );
  }
  return names.length === 0 ? known : known.filter((name) => names.includes(name));
};

/** What `service.ts` of a service exports. */
export const loadDefinition = async (name: string): Promise<ServiceDefinition> => {
  const module: Record<string, unknown> = await import(join(FOLDER, name, "service.ts"));
  const definition = Object.values(module).find(isDefinition);
  if (definition === undefined) throw new Error(`services/${name}/service.ts exports no service: use defineService`);
  return definition;
};

const isDefinition = (value: unknown): value is ServiceDefinition =>
  typeof value === "object" && value !== null && "implement" in value && "name" in value;
