import { run } from "@heddle/mesh/service";
import { socialSecurity } from "./service.ts";

await run(socialSecurity);
