import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { CustomerService } from "@heddle/contracts/customer/v1";
import { Health } from "@heddle/contracts/grpc/health/v1";
import { EventFeedService } from "@heddle/contracts/heddle/events/v1";
import { OrderService } from "@heddle/contracts/order/v1";
import { descriptorSetOf } from "@heddle/mesh/contract";

const run = promisify(execFile);

/** Milliseconds that a build may take where nothing is cached. */
const BUILD_MS_MAX = 300_000;

export const isGoInstalled = async (): Promise<boolean> => {
  try {
    await run("go", ["version"]);
    return true;
  } catch {
    return false;
  }
};

/** Builds the client in Go into `folder`; resolves to how it is started. */
export const goClient = async (folder: string): Promise<readonly [string, ...string[]]> => {
  mkdirSync(folder, { recursive: true });
  const [program, contract] = [join(folder, "drill"), join(folder, "contract.binpb")];
  writeFileSync(contract, descriptorSetOf([CustomerService, OrderService, EventFeedService, Health]).bytes);
  await run("go", ["build", "-o", program, "."], { cwd: join(import.meta.dirname, "go"), timeout: BUILD_MS_MAX });
  return [program, contract];
};
