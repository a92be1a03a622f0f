import { crc32 } from 'node:zlib';
import type { Inbox } from '../../lib/bus/inbox.js';
import type { RedisTransport } from '../../lib/redis/redis-transport.js';
import type { ByteReader } from '../../lib/protocol/byte-reader.js';
import type { ByteWriter } from '../../lib/protocol/byte-writer.js';
import { importBuilt, methodsOf, replace } from './built-library.js';

/*
 * Simulates other releases of the library by changing the envelopes that this one sends. A later minor version may add
 * what the formats in lib/protocol/envelope.ts and its neighbours allow: fields after the header's, flags, bytes after
 * a record's last field, and kinds of records.
 */
export type Release = 'this' | 'next minor' | 'next major';

interface Parts {
  readonly RedisTransport: typeof RedisTransport;
  readonly Inbox: typeof Inbox;
  readonly ByteReader: typeof ByteReader;
  readonly ByteWriter: typeof ByteWriter;
}

type Publish = (channel: string, bytes: Buffer) => Promise<void>;
type Read = (bytes: Buffer, channel: Buffer) => void;

const CRC_OFFSET = 3;
const CRC_END = 7;
const MESSAGE_KIND = 16;
const ADDED_FLAG = 0x80;
const ADDED_BYTES = Buffer.from([0xff, 0x00, 0x80, 0x7f, 0x01]);
const ADDED_RECORD = Buffer.from([0x7b, 0x01, 0x02]);

/** The length of the next minor release's header. */
export const NEXT_HEADER_LENGTH = 25 + ADDED_BYTES.length;

/** Makes the library in this process behave like another release. Call it before creating the app. */
export async function becomeRelease(release: Release): Promise<void> {
  if (release === 'this') return;
  const files = [
    'redis/redis-transport.js',
    'bus/inbox.js',
    'protocol/byte-reader.js',
    'protocol/byte-writer.js',
  ];
  const parts = Object.assign({}, ...(await Promise.all(files.map(importBuilt)))) as Parts;
  if (release === 'next minor') sendThrough(parts, (bytes) => nextMinor(bytes, parts));
  else becomeNextMajor(parts);
}

/** The next major version reads its own envelopes and none of this version's. */
function becomeNextMajor(parts: Parts): void {
  sendThrough(parts, swapMajor);
  const read = methodsOf(parts.Inbox).read as Read;
  replace(parts.Inbox, 'read', function (this: Inbox, bytes: Buffer, channel: Buffer) {
    read.call(this, swapMajor(bytes), channel);
  });
}

function sendThrough({ RedisTransport }: Parts, change: (bytes: Buffer) => Buffer): void {
  const publish = methodsOf(RedisTransport).publish as Publish;
  replace(RedisTransport, 'publish', function (this: RedisTransport, channel: string, bytes: Buffer) {
    return publish.call(this, channel, change(bytes));
  });
}

function nextMinor(bytes: Buffer, { ByteReader, ByteWriter }: Parts): Buffer {
  const headerLength = bytes[2] ?? 0;
  const writer = new ByteWriter(bytes.length * 2).raw(bytes.subarray(0, headerLength)).raw(ADDED_BYTES);
  const reader = new ByteReader(bytes.subarray(headerLength));
  while (!reader.atEnd) {
    const record = Buffer.from(reader.bytes());
    if (record[0] === MESSAGE_KIND) record[1] = (record[1] ?? 0) | ADDED_FLAG;
    writer
      .varint(record.length + ADDED_BYTES.length)
      .raw(record)
      .raw(ADDED_BYTES);
  }
  const changed = writer.bytes(ADDED_RECORD).finish();
  changed[2] = NEXT_HEADER_LENGTH;
  return signed(changed);
}

/** Switches between this major version and another one. */
function swapMajor(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[1] = (changed[1] ?? 0) ^ 0x80;
  return signed(changed);
}

function signed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(CRC_END), crc32(bytes.subarray(0, CRC_OFFSET))), CRC_OFFSET);
  return bytes;
}
