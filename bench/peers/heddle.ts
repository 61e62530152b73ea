// Our server with the same store and codec. Arguments: "on" or "off" for its policies; the database, if any.
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { createAccessGuard, createAuthenticator, KeySet } from "@heddle/mesh/identity";
import { createLog } from "@heddle/mesh/observe";
import {
  createRpcServer,
  type Handler,
  type Implementation,
  implementation,
  type RpcServerOptions,
} from "@heddle/mesh/rpc";
import { systemRuntime } from "@heddle/mesh/runtime";
import { announce } from "./announce.ts";
import { openPointRead, type PointRead } from "./point-read.ts";
import { StreamService, send } from "./stream-contract.ts";

const [policies, database] = process.argv.slice(2);

/** Takes off a server what it does around a handler: access, admission, validation, deadlines of the contract, the log line of each call. */
const POLICIES_OFF: object = { policies: false, access: undefined };

/** The customer service's contract with its one method that is measured. */
const customers = (read: PointRead): Implementation => {
  const refuse = (() => Promise.reject(new ConnectError("is not measured", Code.Unimplemented))) as Handler<DescMethod>;
  const getCustomer: Handler<typeof CustomerService.method.getCustomer> = ({ customerId }) => read(customerId);
  const handlers = Object.fromEntries(CustomerService.methods.map(({ localName }) => [localName, refuse]));
  return {
    service: CustomerService,
    handlers: { ...handlers, getCustomer: getCustomer as unknown as Handler<DescMethod> },
  };
};

const runtime = systemRuntime();
const log = createLog({ service: "bench", level: "info", ...runtime });
/** As a service on this machine has it. */
const access = createAccessGuard(
  createAuthenticator({
    mode: "local",
    keys: new KeySet({ ...runtime, log, fetch: async () => [] }),
    identityKey: undefined,
    clock: runtime.clock,
  }),
  runtime.clock,
);
const options: RpcServerOptions = {
  implementations: [customers(await openPointRead(database)), implementation(StreamService, { send })],
  runtime,
  log,
  access,
  // One more than the workload of idle connections holds, and some room.
  limits: { connectionsMax: 12_000 },
  ...(policies === "off" && POLICIES_OFF),
};
const { port } = await createRpcServer(options).listen({ host: "127.0.0.1", port: 0 });
announce(port);
