import type { RawData } from 'ws';

/** Returns the message as one Buffer. By default `ws` passes a Buffer; with another `binaryType`, another type. */
export function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
