import { Command, CommanderError, Option } from "commander";
import { EXIT } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import manifest from "./package.json" with { type: "json" };
import { processTerminal } from "./terminal.ts";

const program = new Command("heddle")
  .description("Runs a Heddle mesh and talks to it.")
  .version(manifest.version)
  .exitOverride()
  .addOption(new Option("--token <token>", "access token to call with (default: $HEDDLE_TOKEN, else heddle login's)"))
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("Use --help for the options and examples.")
  .addHelpText(
    "after",
    `
Data goes to stdout, everything else to stderr. Exit status: 0 ok, 1 failed, 2 called the wrong way,
64 and the gRPC code for an RPC that failed, so 69 is NOT_FOUND.

Examples:
  heddle up --detach
  heddle call customer.v1.CustomerService/ListCustomers -d '{"pageSize": 2}'
  heddle down`,
  );

// For whatever the command calls.
program.hook("preAction", () => {
  const { token } = program.opts<{ token?: string }>();
  if (token !== undefined) process.env.HEDDLE_TOKEN = token;
});

/** Each command's module, loaded when it is called or when help lists them all: `up` stays, and should stay small. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./commands/up.ts")).upCommand(),
  down: async () => (await import("./commands/down.ts")).downCommand(),
  deploy: async () => (await import("./commands/deploy.ts")).deployCommand(),
  rollout: async () => (await import("./commands/rollout.ts")).rolloutCommand(),
  pack: async () => (await import("./commands/pack.ts")).packCommand(),
  scale: async () => (await import("./commands/scale.ts")).scaleCommand(),
  restart: async () => (await import("./commands/restart.ts")).restartCommand(),
  wait: async () => (await import("./commands/wait.ts")).waitCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  events: async () => (await import("./commands/events.ts")).eventsCommand(),
  call: async () => (await import("./commands/call.ts")).callCommand(),
  login: async () => (await import("./commands/login.ts")).loginCommand(),
  logout: async () => (await import("./commands/logout.ts")).logoutCommand(),
  whoami: async () => (await import("./commands/whoami.ts")).whoamiCommand(),
  list: async () => (await import("./commands/list.ts")).listCommand(),
  describe: async () => (await import("./commands/describe.ts")).describeCommand(),
  openapi: async () => (await import("./commands/openapi.ts")).openapiCommand(),
  logs: async () => (await import("./commands/logs.ts")).logsCommand(),
  sagas: async () => (await import("./commands/sagas.ts")).sagasCommand(),
  usage: async () => (await import("./commands/usage.ts")).usageCommand(),
  traffic: async () => (await import("./commands/traffic.ts")).trafficCommand(),
  fault: async () => (await import("./commands/fault.ts")).faultCommand(),
  policy: async () => (await import("./commands/policy.ts")).policyCommand(),
  backup: async () => (await import("./commands/backup.ts")).backupCommand(),
  restore: async () => (await import("./commands/restore.ts")).restoreCommand(),
  config: async () => (await import("./commands/config.ts")).configCommand(),
  contracts: async () => (await import("./commands/contracts.ts")).contractsCommand(),
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand(),
};

// Whoever reads has read enough, as with `heddle list | head`; a mesh goes on without an audience.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (process.argv[2] !== "up") process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
  });
}

try {
  const [name = ""] = process.argv.slice(2);
  const chosen = Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS);
  for (const load of chosen.map((known) => COMMANDS[known])) {
    if (load === undefined) continue;
    const command = (await load()).copyInheritedSettings(program);
    // Those of a command that has commands of its own were made before it had any settings to give them.
    for (const sub of command.commands) sub.copyInheritedSettings(command);
    program.addCommand(command);
  }
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what went wrong; returns the exit status. */
function report(error: unknown): number {
  // commander has printed it already; --help and --version come this way too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { err, errColors } = processTerminal();
  if (error instanceof Failure) {
    if (error.message !== "") err(`${errColors.red("error:")} ${error.message}`);
    if (error.next !== undefined) err(`${errColors.dim("next:")}  ${error.next}`);
    return error.exitCode;
  }
  err(`${errColors.red("error:")} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  err(`${errColors.dim("next:")}  this is a fault of heddle itself; heddle doctor may still find the cause`);
  return EXIT.failed;
}
