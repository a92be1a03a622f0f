/** What a record of an envelope is. A receiver passes over kinds that it does not know. */
export const RecordKind = {
  /** "I am here", once per heartbeat, on the servers' channel; its own copy proves the sender's path. */
  Heartbeat: 1,
  /** A server that starts asks all others for a heartbeat at once. */
  RollCall: 2,
  /** A server that ends says so, and is not waited for. */
  Goodbye: 3,
  /** An emit: see message-record.ts. */
  Message: 16,
} as const;
