import { type Instance, ServingState } from "@heddle/contracts/heddle/registry/v1";
import { systemClock } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { dataFolder } from "../data-folder.ts";
import { EXIT } from "../exit-code.ts";
import { dataOption, gatewayOption, gatewayUrl, jsonOption } from "../mesh-options.ts";
import { residentBytes } from "../process-info.ts";
import { listInstances } from "../registry.ts";
import { type MeshState, readState, type ServiceState, supervisorLives } from "../state-file.ts";
import { formatTable } from "../table.ts";
import { processTerminal } from "../terminal.ts";
import { formatBytes, formatDuration } from "../units.ts";

/** One service as `status` shows it. */
interface Row {
  readonly service: string;
  readonly version: string;
  readonly state: string;
  readonly address: string;
  readonly pid: number | undefined;
  readonly restarts: number | undefined;
  readonly uptimeMs: number | undefined;
  readonly residentBytes: number | undefined;
}

/** `heddle status`: what runs, from the supervisor's state and the gateway's registry. */
export const statusCommand = (): Command =>
  new Command("status")
    .description("Show what runs. Exit status 1 when something that should run does not.")
    .addOption(dataOption())
    .addOption(gatewayOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  heddle status\n  heddle status --json | jq '.services[] | select(.state != \"serving\")'",
    )
    .action(async (options: { data?: string; gateway?: string; json?: boolean }) => {
      const folder = dataFolder(options.data);
      const written = readState(folder.stateFile);
      const state = written && supervisorLives(written) ? written : undefined;
      const gateway = gatewayUrl(options.gateway, state);
      const instances = await listInstances(gateway);
      const services = rows(state, instances);
      const terminal = processTerminal();
      if (options.json) {
        terminal.out(
          JSON.stringify({ gateway, reachable: instances !== undefined, supervised: state !== undefined, services }),
        );
      } else {
        print(services, terminal);
        if (state === undefined) terminal.err(`No mesh is supervised on ${folder.path}; heddle up starts one.`);
        if (instances === undefined) terminal.err(`The gateway does not answer at ${gateway}.`);
      }
      const well = services.length > 0 && instances !== undefined && services.every((row) => row.state === "serving");
      process.exitCode = well ? EXIT.ok : EXIT.failed;
    });

const rows = (state: MeshState | undefined, instances: readonly Instance[] = []): Row[] => {
  const supervised = (state?.services ?? []).map((service): Row => {
    const instance = instances.find(({ instanceId }) => instanceId === service.instanceId);
    return {
      service: service.name,
      version: instance?.version ?? service.version ?? "",
      state: stateOf(service, instance),
      address: service.address ?? "",
      pid: service.process?.pid,
      restarts: service.restarts,
      uptimeMs: service.process && service.startMs ? systemClock.nowMs() - service.startMs : undefined,
      residentBytes: service.process && residentBytes(service.process.pid),
    };
  });
  const known = new Set(state?.services.map(({ instanceId }) => instanceId));
  // Somebody else's instances may have joined; they are part of what runs.
  const joined = instances
    .filter(({ instanceId }) => !known.has(instanceId))
    .map((instance): Row => {
      return {
        service: instance.serviceName,
        version: instance.version,
        state: instance.state === ServingState.SERVING ? "serving" : "not serving",
        address: instance.address,
        pid: Number(instance.processId) || undefined,
        restarts: undefined,
        uptimeMs: instance.startTime && systemClock.nowMs() - Number(instance.startTime.seconds) * 1000,
        residentBytes: undefined,
      };
    });
  return [...supervised, ...joined];
};

const stateOf = (service: ServiceState, instance: Instance | undefined): string => {
  if (service.state !== "ready")
    return service.lastExit ? `${service.state} (${howItEnded(service.lastExit)})` : service.state;
  // The gateway is the registry, and does not register with itself.
  if (service.name === "gateway" || instance?.state === ServingState.SERVING) return "serving";
  return "not registered";
};

const howItEnded = ({ code, signal }: { code: number | null; signal: string | null }): string =>
  signal ?? `status ${code}`;

const print = (services: readonly Row[], { out, outColors }: ReturnType<typeof processTerminal>): void => {
  if (services.length === 0) return;
  const columns = [
    { heading: "SERVICE" },
    { heading: "VERSION" },
    { heading: "STATE" },
    { heading: "ADDRESS" },
    { heading: "PID", align: "right" as const },
    { heading: "RESTARTS", align: "right" as const },
    { heading: "UP", align: "right" as const },
    { heading: "MEMORY", align: "right" as const },
  ];
  const cells = services.map((row) => [
    row.service,
    row.version,
    row.state === "serving" ? outColors.green(row.state) : outColors.yellow(row.state),
    row.address,
    String(row.pid ?? ""),
    String(row.restarts ?? ""),
    row.uptimeMs === undefined ? "" : formatDuration(row.uptimeMs),
    row.residentBytes === undefined ? "" : formatBytes(row.residentBytes),
  ]);
  for (const line of formatTable(columns, cells, outColors.bold)) out(line);
};
