/** Every key, and every channel of sharded pub/sub, belongs to one of so many slots. */
export const SLOTS = 16_384;

/** CRC-16/XMODEM, as Redis Cluster computes it: polynomial 0x1021, from 0, bits not reflected. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a key: of what stands between its first `{` and the next `}`, if anything does, else of all of it. */
export function hashSlot(key: string): number {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  const tagged = open >= 0 && close > open + 1;
  return crc16(Buffer.from(tagged ? key.slice(open + 1, close) : key)) % SLOTS;
}

function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (CRC16[(crc >> 8) ^ byte] as number)) & 0xffff;
  return crc;
}
