/** The number of slots of a Redis Cluster. Every key, and every channel of sharded pub/sub, belongs to one slot. */
export const SLOTS = 16_384;

/** The table for CRC-16/XMODEM, which Redis Cluster uses: polynomial 0x1021, initial value 0, bits not reflected. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** The slot of a key. If there is text between its first `{` and the next `}`, only that text (the hash tag) counts. */
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
