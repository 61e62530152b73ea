import { type ContextValues, createContextValues } from "@connectrpc/connect";
import { ANONYMOUS, type Caller } from "../identity/caller.ts";
import type { Priority } from "../policy/index.ts";
import type { HttpStream } from "../wire/index.ts";
import { callerKey } from "./caller-key.ts";
import type { GrpcTarget } from "./grpc-target.ts";
import { metadataFields, metadataOf } from "./metadata.ts";
import { peerKey } from "./peer.ts";
import { ServedCall } from "./served-call.ts";

/** A call that came as gRPC with protobuf over the wire. */
export class GrpcCall extends ServedCall {
  readonly peer: string;
  readonly caller: Caller;
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly #target: GrpcTarget;
  #requestHeader: Headers | undefined = undefined;
  #responseHeader: Headers | undefined = undefined;
  #responseTrailer: Headers | undefined = undefined;
  #values: ContextValues | undefined = undefined;

  constructor(target: GrpcTarget, stream: HttpStream) {
    super(target.grpc.compiled, target.timeoutMs, target.traceparent);
    this.#target = target;
    this.peer = stream.peer;
    this.caller = target.entry?.caller ?? ANONYMOUS;
  }

  protected get priority(): Priority {
    return this.#target.guarded?.priority ?? "normal";
  }

  protected get authorization(): string | undefined {
    return this.#target.authorization;
  }

  get url(): string {
    const { headers } = this.#target;
    return `${headers.get(":scheme")}://${headers.get(":authority") ?? ""}${headers.get(":path")}`;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= metadataOf(this.#target.headers);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= createContextValues().set(peerKey, this.peer).set(callerKey, this.caller);
    return this.#values;
  }

  /** What the handler has set, as fields for the wire; undefined when it asked for no Headers. */
  get headerFields(): readonly string[] | undefined {
    return this.#responseHeader && metadataFields(this.#responseHeader);
  }

  get trailerFields(): readonly string[] | undefined {
    return this.#responseTrailer && metadataFields(this.#responseTrailer);
  }
}
