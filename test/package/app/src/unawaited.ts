import { Broadcaster } from 'nestjs-redis-backplane';

/** The linter of a generated app must accept the emit and name the join. */
export function remind(server: Broadcaster): void {
  server.emit('reminded');
  server.user('42').join('reminded');
}
