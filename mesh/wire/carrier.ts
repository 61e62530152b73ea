/** What carries a connection's bytes. */
export interface Carrier {
  /** There is output: `takeOutput` at the end of the turn. Called once for each time. */
  wake(): void;
  /** Nothing more will be sent after what is in the output; then the peer may go. */
  end(): void;
}
