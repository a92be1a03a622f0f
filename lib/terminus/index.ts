export { RedisBackplaneHealthIndicator } from './redis-backplane.health.js';
export { RedisBackplaneHealthModule } from './redis-backplane-health.module.js';
