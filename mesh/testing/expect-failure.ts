import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "@heddle/contracts/google/rpc";

/** What a failed call told its caller, in the shape that tests compare. */
export interface Failure {
  /** Name of the code, such as `NotFound`. */
  readonly code: string;
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
  /** The fields at fault. */
  readonly fields: readonly string[];
  readonly retryable: boolean;
}

/**
 * Waits for a call to fail and returns how; throws when it succeeds.
 *
 * @example
 * expect(await expectFailure(client.getCustomer({ customerId }))).toMatchObject({ code: "NotFound", reason: "CUSTOMER_NOT_FOUND" });
 */
export const expectFailure = async (call: Promise<unknown>): Promise<Failure> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  if (error === undefined) throw new Error("the call succeeded");
  const info = error.findDetails(ErrorInfoSchema)[0];
  return {
    code: Code[error.code] ?? String(error.code),
    reason: info?.reason,
    domain: info?.domain,
    metadata: info?.metadata ?? {},
    message: error.rawMessage,
    fields: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
    retryable: error.findDetails(RetryInfoSchema).length > 0,
  };
};
