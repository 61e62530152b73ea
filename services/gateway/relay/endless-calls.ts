import type { ConnectError } from "@connectrpc/connect";

/** A call that ends only when somebody ends it, such as a watch. */
export interface Endless {
  /** Tells the caller why it ends, and ends it. */
  interrupt(reason: ConnectError): void;
}

/** Calls under way for which a gateway that drains cannot wait. */
export class EndlessCalls {
  readonly #calls = new Set<Endless>();
  #reason: ConnectError | undefined;

  /** One has begun. */
  add(call: Endless): void {
    this.#calls.add(call);
    // It crossed the GOAWAY on its way.
    if (this.#reason !== undefined) call.interrupt(this.#reason);
  }

  /** One has ended. */
  delete(call: Endless): void {
    this.#calls.delete(call);
  }

  /** Ends those that are under way, and every later one. */
  interrupt(reason: ConnectError): void {
    this.#reason = reason;
    for (const call of [...this.#calls]) call.interrupt(reason);
  }
}
