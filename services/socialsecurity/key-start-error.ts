/** Why the service cannot start with the keys that it was given: what is wrong, and the next step. Shows no key. */
export class KeyStartError extends Error {
  constructor(problem: string, nextStep: string) {
    super(`${problem}\nNext step: ${nextStep}`);
    this.name = "KeyStartError";
  }
}
