import type { HeaderList, HttpStream } from "@heddle/mesh/wire";

/** Answers requests of one kind that are no RPC. True: it has taken the request; false: it is none of its. */
export type Door = (stream: HttpStream, headers: HeaderList, end: boolean) => boolean;
