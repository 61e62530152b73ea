/** What carries a connection's bytes. */
export interface Carrier {
  /** There is output: `takeOutput` at the end of the turn. Called once for each time. */
  wake(): void;
  /**
   * Nothing more will be sent after what is in the output; then the peer may go. `orderly`: what is in it are answers, for which a
   * slow peer is waited for; otherwise it is the reason of the end, which is worth no wait.
   */
  end(orderly: boolean): void;
}
