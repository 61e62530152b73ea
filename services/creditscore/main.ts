import { run } from "@heddle/mesh/service";
import { creditScore } from "./service.ts";

await run(creditScore);
