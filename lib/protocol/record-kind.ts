/** The kind of a record in an envelope. Receivers ignore kinds that they do not know. */
export const RecordKind = {
  /** "I am alive", once a second on the servers' channel. The sender's own copy, the echo, proves that its links work. */
  Heartbeat: 1,
  /** Asks all servers for a heartbeat at once. Sent after connecting, until the first echo arrives. */
  RollCall: 2,
  /** Announces that the sender is shutting down, so that no peer waits for it. */
  Goodbye: 3,
  /** One of several copies of another record: see bus/sharded/copies.ts. */
  Copy: 4,
  /** An emit: see message-record.ts. */
  Message: 16,
  /** Join, leave or disconnect: see command-record.ts. */
  Command: 17,
  /** The reply of one server to a command. */
  CommandReply: 18,
  /** A call to clients that expects their responses: see invocation-record.ts. */
  Invocation: 19,
  /** Which connections a server invoked. */
  InvocationReply: 20,
  /** A client's response to an invocation. */
  Response: 21,
  /** What a server says about itself: see server-card.ts. */
  Card: 22,
  /** A question to other servers about what they hold: see query-record.ts. */
  Query: 23,
  /** A part of one server's reply to a query. */
  QueryReply: 24,
  /** Somebody watches a group: see presence-records.ts. */
  PresenceLease: 25,
  /** What changed in a watched group on one server. */
  PresenceDiff: 26,
  /** The versions of watched groups on one server. */
  PresenceDigest: 27,
} as const;
