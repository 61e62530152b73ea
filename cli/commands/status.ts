import { SubscriptionState } from "@heddle/contracts/heddle/events/v1";
import { type Instance, ServingState } from "@heddle/contracts/heddle/registry/v1";
import type { Refusal } from "@heddle/mesh/discovery";
import { systemClock } from "@heddle/mesh/runtime";
import { Command } from "commander";
import { pendingRefusals } from "../contracts.ts";
import { dataFolder } from "../data-folder.ts";
import { EXIT } from "../exit-code.ts";
import { dataOption, gatewayOption, gatewayUrl, jsonOption } from "../mesh-options.ts";
import { residentBytes } from "../process-info.ts";
import { refusalLines, refusalsOf, type ServiceRefusal } from "../refusals.ts";
import { listInstances } from "../registry.ts";
import { type MeshState, readState, replicaName, type ServiceState, supervisorLives } from "../state-file.ts";
import { isAlarm, lagMsOf, listSubscriptions, type SubscriptionReport, stateName } from "../subscriptions.ts";
import { formatTable } from "../table.ts";
import { type Colors, processTerminal } from "../terminal.ts";
import { formatBytes, formatDuration } from "../units.ts";

/** One service as `status` shows it. */
interface Row {
  readonly service: string;
  /** Which of its processes, from 1; undefined for one that somebody else has started. */
  readonly replica: number | undefined;
  /** The release that was deployed; undefined for the sources of the working tree. */
  readonly release: string | undefined;
  readonly version: string;
  readonly state: string;
  readonly address: string;
  readonly pid: number | undefined;
  readonly restarts: number | undefined;
  readonly uptimeMs: number | undefined;
  readonly residentBytes: number | undefined;
  /** Why the mesh does not admit it; undefined while it does, or nothing is known of that. */
  readonly refusal: Refusal | undefined;
  /** How it follows the events of others; undefined where it follows none. */
  readonly events: EventsRow | undefined;
}

/** How a service follows the events of others, all of its subscriptions together. */
interface EventsRow {
  /** The worst of its subscriptions' states, or "no answer". */
  readonly state: string;
  /** The longest of their lags. */
  readonly lagMs: number;
  readonly deadLetters: number;
  readonly alarm: boolean;
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
      const reports = instances === undefined ? [] : await listSubscriptions(gateway, instances);
      const refusals = instances === undefined ? [] : refusalsOf(await pendingRefusals(gateway));
      const services = rows(state, instances, refusals).map((row) => ({
        ...row,
        events: eventsOf(row.service, reports),
      }));
      const terminal = processTerminal();
      if (options.json) {
        terminal.out(
          JSON.stringify({ gateway, reachable: instances !== undefined, supervised: state !== undefined, services }),
        );
      } else {
        print(services, terminal);
        if (state === undefined) terminal.err(`No mesh is supervised on ${folder.path}; heddle up starts one.`);
        for (const { service, version, refusal } of services) {
          if (refusal === undefined) continue;
          for (const line of refusalLines(`${service} ${version}`, refusal, terminal.errColors)) terminal.err(line);
        }
        for (const { service, events } of services) {
          if (events?.alarm)
            terminal.err(`${service} does not keep up with the events of others; heddle events status says why.`);
        }
        if (instances === undefined) terminal.err(`The gateway does not answer at ${gateway}.`);
      }
      const well =
        services.length > 0 &&
        instances !== undefined &&
        services.every((row) => row.state === "serving" && !row.events?.alarm);
      process.exitCode = well ? EXIT.ok : EXIT.failed;
    });

const eventsOf = (service: string, reports: readonly SubscriptionReport[]): EventsRow | undefined => {
  const report = reports.find((each) => each.service === service);
  if (report === undefined) return undefined;
  const { subscriptions, silence } = report;
  if (silence !== undefined) return { state: "no answer", lagMs: 0, deadLetters: 0, alarm: true };
  const worst = subscriptions.find(isAlarm) ?? subscriptions.find(({ state }) => state === SubscriptionState.RETRYING);
  return {
    state: stateName(worst?.state ?? SubscriptionState.CONNECTED),
    // A view that is being built lags by its nature.
    lagMs: Math.round(Math.max(0, ...subscriptions.filter(({ inForce }) => inForce).map(lagMsOf))),
    deadLetters: subscriptions.reduce((sum, { deadLetters }) => sum + Number(deadLetters), 0),
    alarm: subscriptions.some(isAlarm),
  };
};

const rows = (
  state: MeshState | undefined,
  instances: readonly Instance[] = [],
  refusals: readonly ServiceRefusal[] = [],
): Omit<Row, "events">[] => {
  const supervised = (state?.services ?? []).map((service): Omit<Row, "events"> => {
    const instance = instances.find(({ instanceId }) => instanceId === service.instanceId);
    return {
      service: service.name,
      replica: service.replica ?? 1,
      release: service.release,
      version: instance?.version ?? service.version ?? "",
      state: stateOf(service, instance),
      refusal:
        service.state === "refused"
          ? (refusals.find((each) => each.service === service.name) ?? service.refusal)
          : undefined,
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
    .map((instance): Omit<Row, "events"> => {
      return {
        service: instance.serviceName,
        replica: undefined,
        release: undefined,
        version: instance.version,
        state: instance.state === ServingState.SERVING ? "serving" : "not serving",
        refusal: undefined,
        address: instance.address,
        pid: Number(instance.processId) || undefined,
        restarts: undefined,
        uptimeMs: instance.startTime && systemClock.nowMs() - Number(instance.startTime.seconds) * 1000,
        residentBytes: undefined,
      };
    });
  // Those that somebody else has started, and that try in vain.
  const strangers = refusals
    .filter(({ service }) => !supervised.some((row) => row.service === service && row.state === "refused"))
    .map(({ service, version, ...refusal }): Omit<Row, "events"> => {
      const nothing = {
        replica: undefined,
        release: undefined,
        pid: undefined,
        restarts: undefined,
        uptimeMs: undefined,
        residentBytes: undefined,
      };
      return { service, version, state: "refused", refusal, address: "", ...nothing };
    });
  return [...supervised, ...joined, ...strangers];
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
    { heading: "LAG", align: "right" as const },
  ];
  const cells = services.map((row) => [
    replicaName(row.service, row.replica),
    row.version,
    stateText(row.state, outColors),
    row.address,
    String(row.pid ?? ""),
    String(row.restarts ?? ""),
    row.uptimeMs === undefined ? "" : formatDuration(row.uptimeMs),
    row.residentBytes === undefined ? "" : formatBytes(row.residentBytes),
    row.events === undefined ? "" : lagOf(row.events, outColors),
  ]);
  for (const line of formatTable(columns, cells, outColors.bold)) out(line);
};

const stateText = (state: string, colors: Colors): string => {
  if (state === "refused") return colors.red(state);
  return state === "serving" ? colors.green(state) : colors.yellow(state);
};

/** `0 s`, `12 s stalled, 3 dead` */
const lagOf = ({ state, lagMs, deadLetters, alarm }: EventsRow, colors: Colors): string => {
  const dead = deadLetters > 0 ? `, ${deadLetters} dead` : "";
  if (state === "no answer") return colors.red(state);
  if (alarm) return colors.red(`${formatDuration(lagMs)} ${state}${dead}`);
  return `${formatDuration(lagMs)}${dead}`;
};
