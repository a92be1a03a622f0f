import { crc32 } from 'node:zlib';

/** Changes an envelope and corrects its checksum, to make what another release might send. */
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

/** A copy with one bit flipped, as faulty hardware would do. */
export function bitFlipped(envelope: Buffer, bit: number): Buffer {
  const bytes = Buffer.from(envelope);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes;
}
