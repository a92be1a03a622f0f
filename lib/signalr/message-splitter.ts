import { HubProtocolError } from './hub-message.js';

/**
 * Finds the first message in the bytes. Returns `undefined` if it is not complete.
 *
 * @param searched how many bytes at the start an earlier call has already searched
 * @throws HubProtocolError if the message is malformed
 */
export type FindMessage = (bytes: Buffer, searched: number) => MessageBounds | undefined;

export interface MessageBounds {
  readonly start: number;
  readonly end: number;
  /** Where the next message begins. */
  readonly next: number;
}

const NOTHING = Buffer.alloc(0);

/** Splits WebSocket messages into hub messages. One may contain several hub messages, or only a part of one. */
export class MessageSplitter {
  /** Its first `length` bytes have arrived but have not been split yet. */
  private buffer: Buffer = NOTHING;
  private length = 0;
  /** Whether the rest of the buffer is free. False for a buffer from the socket, and once messages of it were yielded. */
  private isGrowing = false;

  constructor(
    private readonly find: FindMessage,
    private readonly maxBytes: number,
  ) {}

  /**
   * Adds bytes and yields the messages that are now complete. They are views of buffers that are not reused.
   *
   * @throws HubProtocolError for a message that is too large or malformed
   */
  *push(bytes: Buffer): Generator<Buffer> {
    let searched = this.length;
    this.append(bytes);
    for (let found = this.find(this.rest, searched); found; found = this.find(this.rest, searched)) {
      this.check(found.end - found.start);
      const message = this.rest.subarray(found.start, found.end);
      this.skip(found.next);
      searched = 0;
      yield message;
    }
    this.check(this.length);
  }

  /** The bytes that have arrived but have not been yielded. */
  get rest(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private append(bytes: Buffer): void {
    if (this.length === 0) {
      this.buffer = bytes;
      this.length = bytes.length;
      this.isGrowing = false;
      return;
    }
    const length = this.length + bytes.length;
    if (!this.isGrowing || length > this.buffer.length) {
      // Twice as large as needed, so that a message in many small pieces is not copied again for each piece.
      const larger = Buffer.allocUnsafe(2 * length);
      this.rest.copy(larger);
      this.buffer = larger;
      this.isGrowing = true;
    }
    bytes.copy(this.buffer, this.length);
    this.length = length;
  }

  private skip(count: number): void {
    this.buffer = this.buffer.subarray(count, this.length);
    this.length -= count;
    this.isGrowing = false;
  }

  private check(bytes: number): void {
    if (bytes > this.maxBytes)
      throw new HubProtocolError(`A message must not be larger than ${this.maxBytes} bytes.`);
  }
}
