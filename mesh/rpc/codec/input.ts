/** The bytes of a message that is being read, and how far. */
export class Input {
  bytes: Uint8Array = NOTHING;
  pos = 0;
  /** Messages within messages. */
  depth = 0;
}

const NOTHING = new Uint8Array(0);
