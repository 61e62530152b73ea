import { expectFailure } from "@heddle/mesh/testing";
import { expect, test } from "vitest";
import { dataFolder } from "./fixtures/data-folder.ts";
import { ADA, EVE, REQUEST_ID, startAuth } from "./fixtures/start-auth.ts";

/** Whatever part of a token would be enough to use it, in every form that a log or a file might hold it in. */
const formsOf = (secret: string): Buffer[] => {
  const raw = Buffer.from(secret);
  const decoded = Buffer.from(secret, "base64url");
  return [raw, Buffer.from(raw.toString("base64").replace(/=+$/, "")), Buffer.from(raw.toString("hex")), decoded];
};

test("no password and no token is in the files, the log lines or the errors, whatever is called", async () => {
  const { path, bytes } = dataFolder();
  const { client, log, stop } = await startAuth({ dataFolder: path });
  const wrong = "wrong horse battery";
  await client.registerUser({ ...ADA, requestId: REQUEST_ID });
  const first = await client.login(ADA);
  const old = first.tokens?.refreshToken ?? "";
  const second = await client.refreshSession({ refreshToken: old });
  const kept = await client.login(ADA);
  const calls = [
    client.registerUser(ADA),
    client.registerUser({ ...EVE, requestId: REQUEST_ID }),
    client.registerUser({ email: EVE.email, password: "tooshort123" }),
    client.login({ ...ADA, password: wrong }),
    client.login(EVE),
    client.login({ email: "ada", password: wrong }),
    client.refreshSession({ refreshToken: old }),
    client.refreshSession({ refreshToken: `${old}${old}` }),
    client.refreshSession({ refreshToken: old.repeat(6) }),
    client.logout({ refreshToken: old.repeat(6) }),
  ];
  const errors = JSON.stringify(await Promise.all(calls.map(expectFailure)));
  const running = bytes();
  await stop();
  const secrets = {
    password: ADA.password,
    "other password": EVE.password,
    "wrong password": wrong,
    "short password": "tooshort123",
    ...Object.fromEntries(
      [first, second, kept].flatMap(({ tokens }, i) => {
        const refresh = Buffer.from(tokens?.refreshToken ?? "", "base64url");
        return [
          [`access token ${i}`, tokens?.accessToken ?? ""],
          [`signature ${i}`, tokens?.accessToken.split(".")[2] ?? ""],
          [`family of refresh token ${i}`, refresh.subarray(0, 32).toString("base64url")],
          [`secret of refresh token ${i}`, refresh.subarray(32).toString("base64url")],
          [`refresh token ${i}`, tokens?.refreshToken ?? ""],
        ];
      }),
    ),
  };
  const places = {
    running,
    stopped: bytes(),
    log: Buffer.from(log.map((line) => JSON.stringify(line)).join("\n")),
    errors: Buffer.from(errors),
  };
  for (const [place, content] of Object.entries(places)) {
    expect(content.length, place).toBeGreaterThan(1_000);
    for (const [name, secret] of Object.entries(secrets)) {
      expect(secret.length, name).toBeGreaterThan(8);
      for (const form of formsOf(secret)) expect(content.includes(form), `${name} in ${place}`).toBe(false);
    }
  }
  expect(places.log.includes("auth.v1.AuthService/Login")).toBe(true);
  expect(places.log.includes(ADA.email)).toBe(false);
  expect(places.running.includes("$argon2id$v=19$m=19456,t=2,p=1$")).toBe(true);
});
