import { crc32 } from 'node:zlib';

/** The same envelope with other bytes in it and a checksum that is right again: what another release might send. */
export function altered(envelope: Buffer, change: (bytes: Buffer) => Buffer): Buffer {
  const bytes = change(Buffer.from(envelope));
  bytes.writeUInt32BE(crc32(bytes.subarray(7), crc32(bytes.subarray(0, 3))), 3);
  return bytes;
}

export function ofVersion(envelope: Buffer, version: number): Buffer {
  return altered(envelope, (bytes) => {
    bytes[1] = version;
    return bytes;
  });
}

/** With one bit turned over, as a bad cable or memory would. */
export function bitFlipped(envelope: Buffer, bit: number): Buffer {
  const bytes = Buffer.from(envelope);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes;
}
