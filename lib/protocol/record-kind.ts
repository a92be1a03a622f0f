/** What a record of an envelope is. A receiver passes over kinds that it does not know. */
export const RecordKind = {
  /** "I am here", once per heartbeat, on the servers' channel; its own copy proves the sender's path. */
  Heartbeat: 1,
  /** A server that starts asks all others for a heartbeat at once. */
  RollCall: 2,
  /** A server that ends says so, and is not waited for. */
  Goodbye: 3,
  /** One of several copies of another record: see bus/cluster/copies.ts. */
  Copy: 4,
  /** An emit: see message-record.ts. */
  Message: 16,
  /** Join, leave or disconnect: see command-record.ts. */
  Command: 17,
  CommandReply: 18,
  /** A call to clients that expects their responses: see invocation-record.ts. */
  Invocation: 19,
  /** Which connections a server invoked. */
  InvocationReply: 20,
  /** A client's response to an invocation. */
  Response: 21,
} as const;
