import type { DescMessage, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import type { UnaryResponse } from "@connectrpc/connect";
import type { HeaderList } from "../../wire/index.ts";
import { toHeaders } from "./response-head.ts";

/** The response of a unary call. Its fields become `Headers` when somebody looks at them. */
export class UnaryReply implements UnaryResponse {
  readonly stream = false;
  readonly method: DescMethodUnary;
  readonly message: MessageShape<DescMessage>;
  readonly #headers: HeaderList | undefined;
  readonly #trailers: HeaderList | undefined;
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  constructor(
    method: DescMethodUnary,
    message: MessageShape<DescMessage>,
    headers: HeaderList | undefined,
    trailers: HeaderList | undefined,
  ) {
    this.method = method;
    this.message = message;
    this.#headers = headers;
    this.#trailers = trailers;
  }

  get service(): DescService {
    return this.method.parent;
  }

  get header(): Headers {
    this.#header ??= toHeaders(this.#headers);
    return this.#header;
  }

  get trailer(): Headers {
    this.#trailer ??= toHeaders(this.#trailers);
    return this.#trailer;
  }
}
