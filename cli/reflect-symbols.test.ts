import { expect, test } from "vitest";
import { nearestSymbol, symbolOf } from "./reflect-symbols.ts";

const KNOWN = [
  "customer.v1.CustomerService/GetCustomer",
  "customer.v1.CustomerService/ListCustomers",
  "order.v1.Order",
];

test("a name without its package finds the one that ends with it", () => {
  expect(nearestSymbol("customerservice/listcustomers", KNOWN)).toBe("customer.v1.CustomerService/ListCustomers");
});

test("a misspelt name finds the nearest, also when only its end is near", () => {
  expect(nearestSymbol("customer.v1.CustmerService/GetCustomer", KNOWN)).toBe(
    "customer.v1.CustomerService/GetCustomer",
  );
  expect(nearestSymbol("sales.shop.internal.v2.Ordr", KNOWN)).toBe("order.v1.Order");
});

test("a name that resembles nothing finds nothing", () => {
  expect(nearestSymbol("weather.v1.Forecast", KNOWN)).toBeUndefined();
});

test("a symbol is written with dots", () => {
  expect(["a.v1.S/M", "/a.v1.S/M", ".a.v1.S"].map(symbolOf)).toEqual(["a.v1.S.M", "a.v1.S.M", "a.v1.S"]);
});
