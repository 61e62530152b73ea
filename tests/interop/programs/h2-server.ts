// The engine alone, for h2spec, nghttp, h2load and curl by hand. Arguments: the port, by default a free one. Prints its port.
import { servePlain } from "../serve-plain.ts";

console.log((await servePlain(Number(process.argv[2] ?? 0))).port);
