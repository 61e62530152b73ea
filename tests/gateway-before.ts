import type { DescService } from "@bufbuild/protobuf";
import { register } from "../mesh/discovery/index.ts";
import { runtime, silent, startGateway } from "../services/gateway/fixtures/start-gateway.ts";
import { openToAll } from "./open-to-all.ts";

/** A server that is no part of the mesh, such as one in another language. */
export interface Stranger {
  readonly port: number;
  readonly services: readonly DescService[];
}

/** A gateway in this process, and on a port, that some servers are registered with. */
export const gatewayBefore = async (
  strangers: readonly Stranger[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly url: string; readonly port: number; stop(): Promise<void> }> => {
  const gateway = await startGateway({ env });
  const registrations = strangers.map(({ port, services }, index) =>
    register({
      instance: {
        instanceId: `ins_stranger${index}`,
        address: `127.0.0.1:${port}`,
        definition: { name: "stranger", version: "1.0.0" },
        services: services.map(openToAll),
      },
      transport: gateway.transport,
      runtime,
      log: silent,
    }),
  );
  await Promise.all(registrations.map(({ registered }) => registered));
  return {
    url: gateway.url,
    port: gateway.port,
    async stop() {
      await Promise.all(registrations.map((registration) => registration.leave()));
      await gateway.stop();
    },
  };
};
