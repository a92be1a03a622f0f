import type { Redis } from 'ioredis';

/** What Redis counts of itself since it started. */
export interface RedisCost {
  readonly commands: number;
  /** That came in and went out. */
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

/** The second look counts the INFO of the first one. */
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
