import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { type Saga, SagaService, SagaState } from "@heddle/contracts/heddle/saga/v1";
import { addressedTo } from "@heddle/mesh/rpc";
import { Failure } from "./failure.ts";
import { gatewayTransport } from "./gateway-transport.ts";
import { pagesOf } from "./pages-of.ts";
import { listInstances } from "./registry.ts";
import { orFailure } from "./rpc-failure.ts";
import type { Terminal } from "./terminal.ts";

/** A saga and the service that runs it. */
export interface OwnedSaga {
  readonly service: string;
  readonly saga: Saga;
}

/** Which sagas are asked for; what is empty is not asked. */
export interface SagaFilter {
  readonly name?: string;
  readonly key?: string;
  readonly states?: readonly SagaState[];
}

/** Sagas of one page. */
const PAGE_SIZE = 500;

/** The client of one service's SagaService. */
export const sagasOf = (gateway: string, service: string): Client<typeof SagaService> =>
  createClient(SagaService, addressedTo(gatewayTransport(gateway), service));

/** The names of the services that run sagas. Throws a Failure when there are none, or no gateway. */
export const sagaOwners = async (gateway: string): Promise<string[]> => {
  const instances = await listInstances(gateway);
  if (instances === undefined)
    throw new Failure(`No gateway answers at ${gateway}.`, {
      next: "heddle up starts a mesh; --gateway names another.",
    });
  const running = instances.filter(({ packages }) =>
    packages.some(({ services }) => services.includes(SagaService.typeName)),
  );
  const owners = [...new Set(running.map(({ serviceName }) => serviceName))].sort();
  if (owners.length === 0)
    throw new Failure("No service that runs sagas is registered.", { next: "heddle status shows what runs." });
  return owners;
};

/** At most `limit` sagas of the services named, latest first; and whether there are more. */
export const listSagas = async (
  gateway: string,
  owners: readonly string[],
  { name = "", key = "", states = [] }: SagaFilter,
  limit: number,
  terminal: Terminal,
): Promise<{ sagas: OwnedSaga[]; more: boolean }> => {
  const found: OwnedSaga[] = [];
  for (const service of owners) {
    const client = sagasOf(gateway, service);
    const ask = (pageToken: string) => {
      const pageSize = Math.min(PAGE_SIZE, limit + 1);
      const call = client.listSagas({ name, key, states: [...states], pageSize, pageToken });
      return orFailure(SagaService.method.listSagas, call, terminal);
    };
    let own = 0;
    for await (const page of pagesOf(ask)) {
      found.push(...page.sagas.map((saga) => ({ service, saga })));
      own += page.sagas.length;
      if (own > limit) break;
    }
  }
  // Ids are sortable by creation.
  found.sort((a, b) => (a.saga.id < b.saga.id ? 1 : -1));
  return { sagas: found.slice(0, limit), more: found.length > limit };
};

/** Asks the services one after the other for a saga by its id. Throws a Failure when none has it. */
export const findSaga = async (
  id: string,
  owners: readonly string[],
  ask: (service: string) => Promise<{ saga?: Saga | undefined }>,
): Promise<OwnedSaga> => {
  for (const service of owners) {
    try {
      const { saga } = await ask(service);
      if (saga !== undefined) return { service, saga };
    } catch (error) {
      if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
    }
  }
  throw new Failure(`There is no saga ${id} in ${owners.join(", ")}.`, {
    next: "heddle sagas list shows those that there are; --key finds those about an order.",
  });
};

/** A state in a word, such as `compensated`. */
export const sagaStateName = (state: SagaState): string => (SagaState[state] ?? "unknown").toLowerCase();
