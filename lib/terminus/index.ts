export { RedisBackplaneHealthIndicator } from './redis-backplane.health.js';
