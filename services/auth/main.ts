import { run } from "@heddle/mesh/service";
import { auth } from "./service.ts";

await run(auth);
