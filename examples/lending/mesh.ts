import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AuthService } from "@heddle/contracts/auth/v1";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { ErrorInfoSchema } from "@heddle/contracts/google/rpc";
import { OrderService } from "@heddle/contracts/order/v1";
import { OverviewService } from "@heddle/contracts/overview/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import { systemTimers } from "@heddle/mesh/runtime";

/** A client of each service; all of them share one connection to the gateway. */
export interface Mesh {
  readonly auth: Client<typeof AuthService>;
  readonly customers: Client<typeof CustomerService>;
  readonly numbers: Client<typeof SocialSecurityService>;
  readonly scores: Client<typeof CreditScoreService>;
  readonly billing: Client<typeof BillingService>;
  readonly orders: Client<typeof OrderService>;
  readonly overviews: Client<typeof OverviewService>;
}

/** The way to a mesh. */
export interface Connection {
  /** Clients that show this access token, where there is one. */
  mesh(accessToken?: string): Mesh;
  close(): void;
}

export const connectToMesh = (baseUrl: string): Connection => {
  const sessionManager = new Http2SessionManager(baseUrl);
  return {
    mesh(accessToken) {
      const identity: Interceptor = (next) => (request) => {
        if (accessToken !== undefined) request.header.set("authorization", `Bearer ${accessToken}`);
        return next(request);
      };
      const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors: [identity, again] });
      return {
        auth: createClient(AuthService, transport),
        customers: createClient(CustomerService, transport),
        numbers: createClient(SocialSecurityService, transport),
        scores: createClient(CreditScoreService, transport),
        billing: createClient(BillingService, transport),
        orders: createClient(OrderService, transport),
        overviews: createClient(OverviewService, transport),
      };
    },
    close: () => sessionManager.abort(),
  };
};

/** The reason of a failed call, such as CUSTOMER_EMAIL_TAKEN. */
export const reasonOf = (error: unknown): string | undefined =>
  ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;

/** The result of a call, or of `otherwise` when the call fails for `reason`. */
export const unless = async <T, O>(
  reason: string,
  call: Promise<T>,
  otherwise: () => Promise<O> | O,
): Promise<T | O> => {
  try {
    return await call;
  } catch (error) {
    if (reasonOf(error) !== reason) throw error;
    return otherwise();
  }
};

/** What a contract promises to be in a reply. */
export const held = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`the reply holds no ${what}`);
  return value;
};

const ATTEMPTS_MAX = 6;
const BACKOFF_MS = 200;
const WORTH_ANOTHER: ReadonlySet<Code> = new Set([Code.Unavailable, Code.ResourceExhausted]);

/** Calls again when a service is away for a moment or has too much to do. Every call here can be repeated: see `requestId`. */
const again: Interceptor = (next) => async (request) => {
  for (let tries = 1; ; tries++) {
    try {
      return await next(request);
    } catch (error) {
      const { code } = ConnectError.from(error);
      // Without a reason it is this side's own: nobody listens at that address.
      const reached = reasonOf(error) !== undefined;
      // Wrong numbers are counted: the next attempt would not be let in either.
      const worth = WORTH_ANOTHER.has(code) && reached && reasonOf(error) !== "MISMATCHES_EXHAUSTED";
      if (request.stream || !worth || tries === ATTEMPTS_MAX) throw error;
      await systemTimers.sleep(BACKOFF_MS * 2 ** (tries - 1));
    }
  }
};
