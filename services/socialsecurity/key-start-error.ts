import { StartError } from "@heddle/mesh/runtime";

/** Why the service cannot start with the keys that it was given. Shows no key. */
export class KeyStartError extends StartError {
  constructor(problem: string, nextStep: string) {
    super(problem, nextStep);
    this.name = "KeyStartError";
  }
}
