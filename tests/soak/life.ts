import { type SeededRandom, seededRandom } from "./seeded-random.ts";

/** What becomes of an order, as far as its customer can say. */
export type Wish = "wait" | "fulfil" | "cancel" | "return" | "fulfil-and-cancel";

/** One order that a customer will place. */
export interface OrderPlan {
  /** Names the order in its own line, so that it is known however its call ended. Letters, digits and dashes. */
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceMinorUnits: bigint;
  readonly currencyCode: string;
  readonly wish: Wish;
  /** Percent of the total that is paid once the order is fulfilled. */
  readonly paysPercent: number;
  /** The credit limit that is set afterwards; undefined leaves it. */
  readonly nextLimitMinorUnits: bigint | undefined;
  /** Whether somebody watches the order. */
  readonly watched: boolean;
  readonly placing: "patient" | "twice" | "repeated" | "abandoned" | "deleted-meanwhile";
}

/** All that one customer will do, drawn before it begins, so that no answer can change what another customer does. */
export interface Life {
  readonly name: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly email: string;
  /** Nine digits that no other life of the run has. */
  readonly number: string;
  /** Whether a user with the same address is registered. */
  readonly signsUp: boolean;
  readonly numberGets: "verified" | "registered" | "nowhere";
  readonly limitMinorUnits: bigint | undefined;
  readonly currencyCode: string;
  readonly orders: readonly OrderPlan[];
  readonly end: "stays" | "deleted" | "undeleted";
}

/** The lives that one worker leads, one after the other and without an end: the same for the same seed. */
export function* lives(seed: number, worker: number): Generator<Life, never> {
  const random = seededRandom(seed, `worker ${worker}`);
  for (let index = 0; ; index++) yield newLife(random, { seed, worker, index });
}

/** The wishes of the one customer who comes when the chaos is over, each for an order that nothing speaks against. */
export const CALM_WISHES = ["wait", "fulfil", "cancel", "return"] as const satisfies readonly Wish[];

/** The order of the calm customer with one wish. */
export const calmSku = (wish: Wish): string => `calm-${wish}`;

/** Who comes when the chaos is over, and must get all that is wished for. */
export const calmLife = (seed: number): Life => ({
  name: "calm",
  givenName: "Hedy",
  familyName: "Soak-calm",
  email: `calm.seed${seed}@soak.example`,
  // A worker of its own has numbers of its own.
  number: numberOf({ seed, worker: WORKERS_MAX, index: 0 }),
  signsUp: true,
  numberGets: "verified",
  limitMinorUnits: 1_000_00n,
  currencyCode: "EUR",
  orders: CALM_WISHES.map((wish) => ({
    sku: calmSku(wish),
    quantity: 1,
    // So little that every credit score will do.
    unitPriceMinorUnits: 50_00n,
    currencyCode: "EUR",
    wish,
    paysPercent: 100,
    nextLimitMinorUnits: undefined,
    watched: true,
    placing: "patient",
  })),
  end: "stays",
});

/** Workers of a run at most: each gets numbers of its own. */
export const WORKERS_MAX = 64;

const newLife = (random: SeededRandom, at: { seed: number; worker: number; index: number }): Life => {
  const name = `w${at.worker}-${at.index}`;
  const currencyCode = random.pick(["EUR", "EUR", "USD"]);
  return {
    name,
    givenName: random.pick(["Ada", "Grace", "Joan", "Katherine", "Radia"]),
    familyName: `Soak-${name}`,
    email: `${name}.seed${at.seed}@soak.example`,
    number: numberOf(at),
    signsUp: random.oneIn(3),
    numberGets: random.pick(["verified", ...times(10, "verified" as const), "registered", "nowhere"]),
    limitMinorUnits: random.oneIn(16) ? undefined : BigInt(random.between(200_00, 4_000_00)),
    currencyCode,
    orders: Array.from({ length: random.between(2, 6) }, (_, order) =>
      newOrder(random, `${name}-o${order}`, random.oneIn(24) ? "CHF" : currencyCode),
    ),
    end: random.pick(["stays", "stays", "stays", "deleted", "undeleted"]),
  };
};

const newOrder = (random: SeededRandom, sku: string, currencyCode: string): OrderPlan => ({
  sku,
  quantity: random.between(1, 3),
  unitPriceMinorUnits: BigInt(random.oneIn(5) ? random.between(300_00, 2_000_00) : random.between(5_00, 150_00)),
  currencyCode,
  wish: random.pick(["wait", "fulfil", "fulfil", "fulfil", "cancel", "return", "fulfil-and-cancel"]),
  paysPercent: random.pick([0, 50, 100, 120]),
  nextLimitMinorUnits: random.oneIn(4) ? BigInt(random.between(100_00, 6_000_00)) : undefined,
  watched: random.oneIn(3),
  placing: random.pick([
    ...times(12, "patient" as const),
    "twice",
    "twice",
    "repeated",
    "repeated",
    "abandoned",
    "abandoned",
    "deleted-meanwhile",
  ]),
});

const times = <T>(count: number, value: T): [T, ...T[]] => [value, ...Array<T>(count - 1).fill(value)];

// As the Social Security Administration issues them: area 100 to 599, group 01 to 99, serial 0001 to 9999.
const AREAS = 500;
const GROUPS = 99;
const SERIALS = 9_999;
/** A prime: no two indices below the count of numbers meet, and neighbours lie far apart. */
const STRIDE = 104_729_467;

const numberOf = ({ seed, worker, index }: { seed: number; worker: number; index: number }): string => {
  const count = BigInt(AREAS * GROUPS * SERIALS);
  const scattered = Number((BigInt(index * (WORKERS_MAX + 1) + worker) * BigInt(STRIDE) + BigInt(seed)) % count);
  const area = 100 + Math.floor(scattered / (GROUPS * SERIALS));
  const group = 1 + (Math.floor(scattered / SERIALS) % GROUPS);
  const serial = 1 + (scattered % SERIALS);
  return `${area}${String(group).padStart(2, "0")}${String(serial).padStart(4, "0")}`;
};
