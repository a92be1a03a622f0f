import type { Redis } from 'ioredis';

/** Redis's own counters since its start. */
export interface RedisCost {
  readonly commands: number;
  /** Bytes in and out. */
  readonly bytes: number;
  readonly cpuMicroseconds: number;
}

export async function redisCost(redis: Redis): Promise<RedisCost> {
  const info = await redis.info('stats', 'cpu');
  return {
    commands: field(info, 'total_commands_processed'),
    bytes: field(info, 'total_net_input_bytes') + field(info, 'total_net_output_bytes'),
    cpuMicroseconds: 1e6 * (field(info, 'used_cpu_user') + field(info, 'used_cpu_sys')),
  };
}

/** The difference of two samples, without the INFO command of the first, which the second sample counts. */
export function costBetween(before: RedisCost, after: RedisCost): RedisCost {
  return {
    commands: after.commands - before.commands - 1,
    bytes: after.bytes - before.bytes,
    cpuMicroseconds: after.cpuMicroseconds - before.cpuMicroseconds,
  };
}

function field(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? NaN);
}
