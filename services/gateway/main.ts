import { run } from "@heddle/mesh/service";
import { gateway } from "./service.ts";

await run(gateway);
