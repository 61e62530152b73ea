import { run } from "@heddle/mesh/service";
import { billing } from "./service.ts";

await run(billing);
