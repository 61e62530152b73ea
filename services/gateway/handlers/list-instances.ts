import { ListInstancesRequestSchema, type RegistryService } from "@heddle/contracts/heddle/registry/v1";
import { nextPageToken, pageOf } from "@heddle/mesh/contract";
import type { Handler } from "@heddle/mesh/rpc";
import type { Instances } from "../registry/instances.ts";
import { PAGE_SIZES } from "./page-sizes.ts";

/** Lists the instances, by service name, then by instance id. */
export const listInstances =
  ({ instances }: { instances: Instances }): Handler<typeof RegistryService.method.listInstances> =>
  (request) => {
    const page = pageOf(ListInstancesRequestSchema, request, PAGE_SIZES);
    const [afterName = "", afterId = ""] = page.after ?? [];
    const following = instances
      .list()
      .filter(({ serviceName }) => request.serviceName === "" || serviceName === request.serviceName)
      .filter(
        ({ serviceName, instanceId }) => serviceName > afterName || (serviceName === afterName && instanceId > afterId),
      );
    const shown = following.slice(0, page.size);
    const last = shown.at(-1);
    const more = following.length > shown.length && last !== undefined;
    return {
      instances: shown,
      nextPageToken: more
        ? nextPageToken(ListInstancesRequestSchema, request, [last.serviceName, last.instanceId])
        : "",
    };
  };
