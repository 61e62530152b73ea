import { Command } from "commander";
import { Failure } from "../failure.ts";
import { gatewayOption } from "../mesh-options.ts";
import { chosenGateway } from "../reflect-gateway.ts";
import { processTerminal } from "../terminal.ts";

/** `heddle openapi`: what can be called, as an OpenAPI document for generators and tools. */
export const openapiCommand = (): Command =>
  new Command("openapi")
    .description("Print the OpenAPI 3.1 document of the mesh, or of one package.")
    .argument("[package]", "a package such as customer.v1 (default: all of them in one document)")
    .addOption(gatewayOption())
    .addHelpText("after", HELP)
    .action(async (packageName: string | undefined, options: { gateway?: string }) => {
      const gateway = chosenGateway(options.gateway);
      const path = packageName === undefined ? "/openapi.json" : `/openapi/${encodeURIComponent(packageName)}.json`;
      const response = await fetch(`${gateway}${path}`).catch((cause: unknown) => {
        throw new Failure(`No gateway answers on ${gateway}.`, { next: "heddle status shows what runs.", cause });
      });
      if (response.status === 404 && packageName !== undefined) {
        throw new Failure(`The mesh serves no package ${packageName}.`, { next: "heddle list shows what it serves." });
      }
      if (!response.ok) throw new Failure(`${gateway}${path} answers with status ${response.status}.`);
      processTerminal().out(JSON.stringify(await response.json(), null, 2));
    });

const HELP = `
Examples:
  heddle openapi > openapi.json
  heddle openapi customer.v1 | jq '.paths | keys'
  heddle openapi order.v1 --gateway http://127.0.0.1:9090

The gateway serves the same on /openapi.json and /openapi/<package>.json, and as a page on /docs.`;
