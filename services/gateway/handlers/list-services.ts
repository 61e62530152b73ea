import {
  type Instance,
  ListServicesRequestSchema,
  type RegistryService,
  ServingState,
} from "@heddle/contracts/heddle/registry/v1";
import { nextPageToken, pageOf } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Instances } from "../registry/instances.ts";
import { PAGE_SIZES } from "./page-sizes.ts";

/** Lists the services that have an instance, by name. */
export const listServices =
  ({ instances }: { instances: Instances }): Handler<typeof RegistryService.method.listServices> =>
  (request) => {
    const page = pageOf(ListServicesRequestSchema, request, PAGE_SIZES);
    const [after = ""] = page.after ?? [];
    const services = [...Map.groupBy(instances.list(), ({ serviceName }) => serviceName)].filter(
      ([name]) => name > after,
    );
    const shown = services.slice(0, page.size);
    const last = shown.at(-1)?.[0];
    const more = services.length > shown.length && last !== undefined;
    return {
      services: shown.map(([serviceName, members]) => summary(serviceName, members)),
      nextPageToken: more ? nextPageToken(ListServicesRequestSchema, request, [last]) : "",
    };
  };

const summary = (serviceName: string, members: readonly Instance[]) => ({
  serviceName,
  packages: sortedOnce(members.flatMap(({ packages }) => packages.map(({ name }) => name))),
  versions: sortedOnce(members.map(({ version }) => version)),
  instanceCount: members.length,
  servingCount: members.filter(({ state }) => state === ServingState.SERVING).length,
});

const sortedOnce = (names: readonly string[]): string[] => [...new Set(names)].sort();
