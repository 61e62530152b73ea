import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@heddle/contracts/grpc/health/v1";
import { type Instance, RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { grpcTransport } from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { accessStep } from "./call-error.ts";
import { rpcExitCode } from "./exit-code.ts";
import { Failure } from "./failure.ts";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";

/** Milliseconds that a gateway gets to answer. */
const TIMEOUT_MS = 2_000;

/** The names of the services that the gateway knows and that do not serve; undefined when it cannot be reached. */
export const notServing = async (gateway: string): Promise<string[] | undefined> => {
  const health = createClient(Health, grpcTransport(gateway, systemRuntime()));
  try {
    const { statuses } = await health.list({}, { timeoutMs: TIMEOUT_MS });
    return Object.entries(statuses).flatMap(([name, { status }]) => (status === Status.SERVING ? [] : [name]));
  } catch {
    return undefined;
  }
};

/** Every registered instance; undefined when the gateway cannot be reached. Throws a Failure where the caller may not see them. */
export const listInstances = async (gateway: string): Promise<Instance[] | undefined> => {
  const registry = createClient(RegistryService, gatewayTransport(gateway));
  const instances: Instance[] = [];
  try {
    const ask = (pageToken: string) => registry.listInstances({ pageSize: 1000, pageToken }, { timeoutMs: TIMEOUT_MS });
    for await (const page of pagesOf(ask)) instances.push(...page.instances);
    return instances;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    if (error instanceof Failure) throw error;
    if (code === Code.Unauthenticated || code === Code.PermissionDenied)
      throw new Failure(rawMessage, { next: accessStep(code), exitCode: rpcExitCode(code), cause: error });
    return undefined;
  }
};
