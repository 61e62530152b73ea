import { run } from "@heddle/mesh/service";
import { overview } from "./service.ts";

await run(overview);
