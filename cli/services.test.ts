import { expect, test } from "vitest";
import { chosenServices, knownServices } from "./services.ts";

test("the gateway comes first, whatever the order asked for", async () => {
  expect(knownServices()[0]).toBe("gateway");
  expect(await chosenServices(["customer", "gateway"])).toEqual(["gateway", "customer"]);
});

test("without names all services are chosen", async () => {
  expect(await chosenServices([])).toEqual(knownServices());
});

test("a service that is not known is a usage failure that names the nearest", async () => {
  await expect(chosenServices(["custmer"])).rejects.toMatchObject({ exitCode: 2, next: "Did you mean customer?" });
});
