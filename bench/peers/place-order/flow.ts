import { Agent, request } from "node:http";

/** What the peers' client asks for, and what its order services hand on. */
export interface OrderRequest {
  readonly orderId: string;
  readonly customerId: string;
  /** Minor units. */
  readonly amount: number;
}

/** What a side service says: nothing is yes. */
export interface Answer {
  readonly refusal?: string;
  readonly authorizationId?: string;
}

export interface PlacedOrder extends OrderRequest {
  readonly state: "pending" | "confirmed" | "rejected";
  readonly reason?: string;
  readonly authorizationId?: string;
}

/** The services that check, in their order; billing comes after them. */
export const CHECKS = ["customer", "socialsecurity", "creditscore"] as const;

/** Asks the side service of that name. */
export type Ask = (name: (typeof CHECKS)[number] | "billing", order: OrderRequest) => Promise<Answer>;

const agent = new Agent({ keepAlive: true });

/** POSTs JSON on a kept connection. Throws unless the answer is 200. */
export const post = <T>(address: string, path: string, body: unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    const [host, port] = address.split(":");
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request({ agent, host, port, path, method: "POST", headers }, (response) => {
      let reply = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        reply += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(reply) as T);
        else reject(new Error(`${address}${path} answered ${response.statusCode}: ${reply}`));
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });

/** `addresses`: "customer=host:port" and so on. */
export const askingAt = (addresses: readonly string[]): Ask => {
  const known = new Map(addresses.map((pair) => pair.split("=") as [string, string]));
  return (name, order) => post(known.get(name) ?? "", "/", order);
};
