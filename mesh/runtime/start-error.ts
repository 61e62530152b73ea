/**
 * Why a service cannot start, in words for whoever runs it: what is wrong, and the next step. Starting again without taking
 * that step would fail the same way, so a supervisor does not try.
 */
export class StartError extends Error {
  constructor(problem: string, nextStep: string, options?: ErrorOptions) {
    super(`${problem}\nNext step: ${nextStep}`, options);
    this.name = "StartError";
  }
}
