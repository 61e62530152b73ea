import { toJsonString } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { Command, Option } from "commander";
import { describeRpcError, rpcFailureLines } from "../call-error.ts";
import { addHeader } from "../call-header.ts";
import { jsonValues } from "../call-input.ts";
import { requestsOf } from "../call-request.ts";
import { callRpc } from "../call-rpc.ts";
import { rpcExitCode } from "../exit-code.ts";
import { Failure, usageFailure } from "../failure.ts";
import { gatewayOption } from "../mesh-options.ts";
import { reflect } from "../reflect.ts";
import { withAnyTypes } from "../reflect-any.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { findMethod } from "../reflect-symbols.ts";
import { PROTOCOLS, type Protocol, transportOf } from "../reflect-transport.ts";
import { processTerminal, type Terminal } from "../terminal.ts";
import { parseDurationMs } from "../units.ts";

interface Options {
  readonly data?: string;
  readonly header?: Headers;
  readonly timeout?: number;
  readonly protocol: Protocol;
  readonly gateway?: string;
  readonly json?: boolean;
}

/** `heddle call`: calls any method of the mesh, with JSON in and out. */
export const callCommand = (): Command =>
  new Command("call")
    .description("Call a method with JSON and print its replies as JSON. The contract is asked of the gateway.")
    .argument("<method>", "package.Service/Method")
    .option("-d, --data <json>", "the request: JSON, @file, or - for standard input; for streams one value per message")
    .addOption(new Option("-H, --header <header>", "a header 'name: value'; may be repeated").argParser(addHeader))
    .addOption(new Option("--timeout <duration>", "the deadline, such as 5s or 500ms").argParser(timeoutMs))
    .addOption(new Option("--protocol <protocol>", "what to speak").choices(PROTOCOLS).default("grpc"))
    .addOption(gatewayOption())
    .option("--json", "one line per reply, errors as JSON on standard error")
    .addHelpText("after", HELP)
    .action(async (name: string, options: Options) => {
      const terminal = processTerminal();
      try {
        await call(name, options, terminal);
      } catch (error) {
        if (!options.json || !(error instanceof Failure) || error.message === "") throw error;
        terminal.err(JSON.stringify({ message: error.message, next: error.next }));
        throw new Failure("", { exitCode: error.exitCode });
      }
    });

const call = async (name: string, options: Options, terminal: Terminal): Promise<void> => {
  const gateway = chosenGateway(options.gateway);
  const grpc = transportOf(gateway);
  const reflection = reflect(gateway, grpc);
  const method = await findMethod(reflection, name);
  const values = options.data === undefined ? undefined : jsonValues(options.data);
  const input = keepFailure(await requestsOf(reflection, method, values));
  const prettySpaces = terminal.outIsTerminal && !options.json ? 2 : 0;
  try {
    const transport = options.protocol === "grpc" ? grpc : transportOf(gateway, options.protocol);
    const replies = callRpc(transport, method, input.messages, {
      header: options.header ?? new Headers(),
      timeoutMs: options.timeout,
    });
    for await (const reply of replies) {
      terminal.out(
        await withAnyTypes(reflection, (registry) => toJsonString(method.output, reply, { registry, prettySpaces })),
      );
    }
  } catch (error) {
    if (input.failure() !== undefined) throw input.failure();
    if (!(error instanceof ConnectError)) throw error;
    const failure = describeRpcError(error, method, reflection.registry());
    if (options.json) terminal.err(JSON.stringify(failure));
    else for (const line of rpcFailureLines(failure, terminal.errColors)) terminal.err(line);
    throw new Failure("", { exitCode: rpcExitCode(error.code), cause: error });
  }
};

/** Remembers why the messages ended, which a transport turns into an error of the RPC. */
const keepFailure = <T>(source: AsyncIterable<T>): { messages: AsyncIterable<T>; failure(): unknown } => {
  let failure: unknown;
  async function* messages(): AsyncGenerator<T> {
    try {
      yield* source;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { messages: messages(), failure: () => failure };
};

/** What Node's timers can wait, about 24 days. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

function timeoutMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms > 0 && ms <= TIMEOUT_MS_MAX) return ms;
  throw usageFailure(`"${text}" is not a deadline.`, "Write it like 5s, 500ms or 2m; 24 days at most.");
}

const HELP = `
Without -d the request is one empty message, or none where the client streams. Field names may be written as in the
contract or in JSON's camelCase; 64-bit integers of more than 15 digits are written as strings.

Exit status: 0 ok, 1 failed before the call, 2 called the wrong way, 64 and the gRPC code when the call failed.

Examples:
  heddle call customer.v1.CustomerService/ListCustomers -d '{"pageSize": 2}'
  heddle call customer.v1.CustomerService/CreateCustomer -d @customer.json
  heddle call customer.v1.CustomerService/GetCustomer -d '{"customerId": "cus_…"}' --timeout 500ms --protocol connect
  heddle call order.v1.OrderService/WatchOrder -d '{"orderId": "ord_…"}' | jq .order.state
  printf '{"listServices": ""} {"fileByFilename": "x"}' | heddle call grpc.reflection.v1.ServerReflection/ServerReflectionInfo -d -`;
