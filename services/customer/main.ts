import { run } from "@heddle/mesh/service";
import { customer } from "./service.ts";

await run(customer);
