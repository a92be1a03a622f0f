/** The rooms from the ground up. A room imports from itself and from those before it, never upwards. */
const rooms = ['protocol', 'options', 'bus', 'routing', 'broadcast', 'adapter'];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.map((room, floor) => ({
      name: `no-arrow-up-from-${room}`,
      severity: 'error',
      from: { path: `^lib/${room}/` },
      to: { path: [...rooms.slice(floor + 1).map((above) => `^lib/${above}/`), '^lib/[^/]+\\.ts$'] },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
