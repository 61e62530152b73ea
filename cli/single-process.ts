// All services of a mesh in this one process. Arguments: their names.
import { runTogether } from "@heddle/mesh/service";
import { loadDefinition } from "./services.ts";

await runTogether(await Promise.all(process.argv.slice(2).map(loadDefinition)), process.env);
