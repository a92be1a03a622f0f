import { crc32 } from 'node:zlib';
import type { Inbox } from '../../lib/bus/inbox.js';
import type { RedisTransport } from '../../lib/redis/redis-transport.js';
import type { ByteReader } from '../../lib/protocol/byte-reader.js';
import type { ByteWriter } from '../../lib/protocol/byte-writer.js';
import { importBuilt, methodsOf, replace } from './built-library.js';

/*
 * Other releases of the library than the one that is built, as far as their envelopes tell them apart. What a later
 * minor version may add stands above the formats in lib/protocol/envelope.ts and in its neighbours:
 * fields behind those of the header, flags, bytes behind the last field of a record, and kinds of records.
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

/** Makes the library in this process another release. Before the app is made. */
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

/** It reads what it sends, and nothing of the others. */
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

/** From this major version to another one, and back. */
function swapMajor(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[1] = (changed[1] ?? 0) ^ 0x80;
  return signed(changed);
}

function signed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(CRC_END), crc32(bytes.subarray(0, CRC_OFFSET))), CRC_OFFSET);
  return bytes;
}
