/** One instance, as those see it who send it calls. */
export interface Endpoint {
  readonly instanceId: string;
  /** `host:port`. */
  readonly address: string;
  /** The name of its service, such as `customer`. */
  readonly serviceName: string;
  /** The version of its service, such as `1.2.0`. */
  readonly version: string;
  /** Where it runs, such as a zone: calls stay near where they can. Empty when nobody has said. */
  readonly locality: string;
  /** Names the contract by which it serves what was asked for; absent when nobody has said. Others may have other methods. */
  readonly contractHash?: string | undefined;
}

/** Knows where services answer: the registry, a list, the names of a DNS. */
export interface EndpointSource {
  /**
   * Calls `changed` with the endpoints that serve a service by its full name, such as `customer.v1.CustomerService`: at once with
   * those that are known, and whenever they have changed, until the returned function is called.
   */
  watch(service: string, changed: (endpoints: readonly Endpoint[]) => void): () => void;
  /** Hears that an endpoint of a service could not be reached: a source that looks from time to time looks soon. */
  doubt?(service: string): void;
}
