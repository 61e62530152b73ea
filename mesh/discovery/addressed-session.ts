import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { methodPath } from "../contract/method-name.ts";
import { SERVICE_HEADER } from "../rpc/index.ts";
import { HeaderList, type HttpStream, type Session, type StreamHandler } from "../wire/index.ts";

/** The headers of one method's calls to one service. */
export interface Addressed {
  readonly headers: HeaderList;
  /** Whether the answer is one message, which comes as soon as it can. */
  readonly isOneAnswer: boolean;
}

/** What the calls of a session carry. */
export interface Addressing {
  of(headers: HeaderList): Addressed;
}

/** Says in each call's headers which service it is for: made once for each list of headers, so that the wire knows it again. */
export class AddressedHeaders implements Addressing {
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #name: string;
  readonly #known = new WeakMap<HeaderList, Addressed>();

  /** `name`: of the service that serves `service`; empty: nobody has said. */
  constructor(service: DescService, name: string) {
    this.#methods = new Map(service.methods.map((method) => [methodPath(method), method]));
    this.#name = name;
  }

  of(headers: HeaderList): Addressed {
    const known = this.#known.get(headers);
    if (known !== undefined) return known;
    const kind = this.#methods.get(headers.get(":path") ?? "")?.methodKind;
    const made: Addressed = {
      headers: this.#name === "" ? headers : new HeaderList([...headers.fields, SERVICE_HEADER, this.#name]),
      isOneAnswer: kind === "unary" || kind === "client_streaming",
    };
    this.#known.set(headers, made);
    return made;
  }
}

/** A session whose calls say which service they are for. */
export class AddressedSession implements Session {
  readonly #session: Session;
  readonly #addressing: Addressing;

  constructor(session: Session, addressing: Addressing) {
    this.#session = session;
    this.#addressing = addressing;
  }

  get peer(): string {
    return this.#session.peer;
  }

  get openStreams(): number {
    return this.#session.openStreams;
  }

  get draining(): boolean {
    return this.#session.draining;
  }

  get closed(): boolean {
    return this.#session.closed;
  }

  get freeStreams(): number {
    return this.#session.freeStreams;
  }

  request(headers: HeaderList, extra: readonly string[] | undefined, end: boolean, handler: StreamHandler): HttpStream {
    return this.send(this.#addressing.of(headers), extra, end, handler);
  }

  protected send(
    { headers }: Addressed,
    extra: readonly string[] | undefined,
    end: boolean,
    handler: StreamHandler,
  ): HttpStream {
    return this.#session.request(headers, extra, end, handler);
  }

  ping(onPong: (roundTripMs: number) => void): void {
    this.#session.ping(onPong);
  }

  drain(): void {
    this.#session.drain();
  }

  destroy(code?: number): void {
    this.#session.destroy(code);
  }
}
