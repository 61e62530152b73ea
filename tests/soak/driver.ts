import { AuthService } from "@heddle/contracts/auth/v1";
import { BillingService } from "@heddle/contracts/billing/v1";
import { CreditScoreService } from "@heddle/contracts/creditscore/v2";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { type Order, OrderService, OrderState } from "@heddle/contracts/order/v1";
import { SocialSecurityService } from "@heddle/contracts/socialsecurity/v1";
import type { Timers } from "@heddle/mesh/runtime";
import type { Caller } from "./caller.ts";
import type { Life, OrderPlan } from "./life.ts";
import { seededUuid } from "./seeded-random.ts";
import type { Watcher } from "./watcher.ts";

/** Leads lives: does in the mesh what their plans say, one step after the other. */
export interface Driver {
  /** Resolves when the life is over. */
  lead(life: Life): Promise<void>;
}

/** Looks at a pending order, and milliseconds between them, before its customer goes on without it. */
const LOOKS_MAX = 12;
const LOOK_EVERY_MS = 250;
/** Milliseconds after which a client that goes away is gone: with luck in the middle of the call. */
const ABANDON_AFTER_MS = 12;

/** A customer that exists. */
interface Customer {
  readonly customerId: string;
  readonly accountId: string | undefined;
  readonly life: Life;
}

export const createDriver = (deps: { caller: Caller; watcher: Watcher; seed: number; timers: Timers }): Driver => {
  const { caller, watcher, seed, timers } = deps;
  const { call } = caller;

  /** The order once it is decided; as it was last seen when that takes too long. */
  const decided = async (order: Order, sku: string): Promise<Order> => {
    let seen = order;
    for (let look = 0; look < LOOKS_MAX && seen.state === OrderState.PENDING; look++) {
      await timers.sleep(LOOK_EVERY_MS);
      const read = await call(`${sku} look ${look}`, OrderService.method.getOrder, { orderId: order.id });
      if (read.kind === "acknowledged" && read.answer.order !== undefined) seen = read.answer.order;
    }
    return seen;
  };

  const place = async (customerId: string, plan: OrderPlan): Promise<Order | undefined> => {
    const { sku, quantity, unitPriceMinorUnits: minorUnits, currencyCode } = plan;
    const request = {
      customerId,
      lines: [{ sku, description: `order ${sku}`, quantity, unitPrice: { currencyCode, minorUnits } }],
      requestId: seededUuid(seed, `place ${sku}`),
    };
    const once = (abandonAfterMs?: number) =>
      call(
        `${sku} place`,
        OrderService.method.placeOrder,
        request,
        abandonAfterMs === undefined ? {} : { abandonAfterMs },
      );
    if (plan.placing === "abandoned") {
      await once(ABANDON_AFTER_MS);
      return undefined;
    }
    const [outcome] = await Promise.all([once(), plan.placing === "twice" ? once() : undefined]);
    if (plan.placing === "repeated") await once();
    return outcome.kind === "acknowledged" ? outcome.answer.order : undefined;
  };

  const fulfil = (orderId: string, sku: string) => call(`${sku} fulfil`, OrderService.method.fulfilOrder, { orderId });
  const cancel = (orderId: string, sku: string) =>
    call(`${sku} cancel`, OrderService.method.cancelOrder, { orderId, reason: "Changed my mind." });

  const follow = async (order: Order, { sku, wish }: OrderPlan): Promise<boolean> => {
    if (order.state !== OrderState.CONFIRMED || wish === "wait") return false;
    if (wish === "cancel") await cancel(order.id, sku);
    else if (wish === "fulfil-and-cancel") await Promise.all([fulfil(order.id, sku), cancel(order.id, sku)]);
    else {
      const { kind } = await fulfil(order.id, sku);
      if (wish === "return") await cancel(order.id, sku);
      else return kind === "acknowledged";
    }
    return false;
  };

  const remove = (customerId: string, id: string) => call(id, CustomerService.method.deleteCustomer, { customerId });
  const restore = (customerId: string, id: string) => call(id, CustomerService.method.undeleteCustomer, { customerId });

  /** An order from its placement to what its customer wished, and what is paid for it. */
  const serve = async ({ customerId, accountId, life }: Customer, plan: OrderPlan): Promise<void> => {
    const { sku, currencyCode, paysPercent, nextLimitMinorUnits } = plan;
    const meanwhile = plan.placing === "deleted-meanwhile";
    const [placed] = await Promise.all([
      place(customerId, plan),
      meanwhile ? remove(customerId, `${sku} delete meanwhile`) : undefined,
    ]);
    if (placed !== undefined) {
      if (plan.watched) watcher.watch(placed.id);
      const charged = await follow(await decided(placed, sku), plan);
      const minorUnits = ((placed.total?.minorUnits ?? 0n) * BigInt(paysPercent)) / 100n;
      if (charged && accountId !== undefined && minorUnits > 0n) {
        await call(`${sku} pay`, BillingService.method.recordPayment, {
          accountId,
          amount: { currencyCode, minorUnits },
          reference: `paid-${sku}`,
          requestId: seededUuid(seed, `pay ${sku}`),
        });
      }
    }
    if (meanwhile) {
      await restore(customerId, `${sku} undelete again`);
      // The deletion may have erased it, and may do so yet.
      await handInNumber(customerId, life, `${sku} `);
    }
    if (nextLimitMinorUnits !== undefined && accountId !== undefined) {
      const creditLimit = { currencyCode: life.currencyCode, minorUnits: nextLimitMinorUnits };
      await call(`${sku} limit`, BillingService.method.setCreditLimit, { accountId, creditLimit });
    }
  };

  const handInNumber = async (customerId: string, { name, number, numberGets }: Life, again = ""): Promise<void> => {
    if (numberGets === "nowhere") return;
    const request = { customerId, number };
    await call(`${again}${name} register number`, SocialSecurityService.method.registerNumber, request);
    if (numberGets === "registered") return;
    await call(`${again}${name} verify number`, SocialSecurityService.method.verifyNumber, request);
  };

  const openAccount = async (customerId: string, life: Life): Promise<string | undefined> => {
    const { name, limitMinorUnits: minorUnits, currencyCode } = life;
    if (minorUnits === undefined) return undefined;
    const opened = await call(`${name} open account`, BillingService.method.openAccount, {
      customerId,
      creditLimit: { currencyCode, minorUnits },
      requestId: seededUuid(seed, `account ${name}`),
    });
    return opened.kind === "acknowledged" ? opened.answer.account?.id : undefined;
  };

  return {
    async lead(life) {
      const { name, givenName, familyName, email } = life;
      const created = await call(`${name} create`, CustomerService.method.createCustomer, {
        givenName,
        familyName,
        email,
        requestId: seededUuid(seed, `create ${name}`),
      });
      const customerId = created.kind === "acknowledged" ? created.answer.customer?.id : undefined;
      if (customerId === undefined) return;
      if (life.signsUp) {
        await call(`${name} sign up`, AuthService.method.registerUser, {
          email,
          password: `password of ${name}`,
          requestId: seededUuid(seed, `sign up ${name}`),
        });
      }
      await handInNumber(customerId, life);
      const accountId = await openAccount(customerId, life);
      await call(`${name} score`, CreditScoreService.method.getCreditScore, { customerId });
      for (const plan of life.orders) await serve({ customerId, accountId, life }, plan);
      if (life.end === "stays") return;
      await remove(customerId, `${name} delete`);
      if (life.end === "undeleted") await restore(customerId, `${name} undelete`);
    },
  };
};
