/**
 * The bytes of a message that is being read, and how far. Who reads a number does not look for the end of the bytes: nothing is
 * there, and who knows where a message must end finds that it did not.
 */
export class Input {
  bytes: Uint8Array = NOTHING;
  pos = 0;
  /** Messages within messages. */
  depth = 0;
}

const NOTHING = new Uint8Array(0);
