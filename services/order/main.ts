import { run } from "@heddle/mesh/service";
import { order } from "./service.ts";

await run(order);
