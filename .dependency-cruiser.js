/**
 * The rooms from the ground up: a room imports from itself and from the floors below it, never upwards. Rooms on one
 * floor do not know each other.
 */
const floors = [
  ['protocol'],
  ['options'],
  ['bus'],
  ['routing', 'redis'],
  ['presence'],
  ['broadcast'],
  ['adapter'],
  ['signalr'],
  ['terminus', 'testing'],
];
/** They work without Nest, and so can what is built on them alone. */
const WITHOUT_NEST = ['protocol', 'options', 'bus', 'routing', 'redis', 'presence'];

const folder = (room) => `^lib/${room}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    ...floors.flatMap((rooms, floor) =>
      rooms.map((room) => ({
        name: `no-arrow-up-from-${room}`,
        severity: 'error',
        from: { path: folder(room) },
        to: {
          path: [
            ...rooms.filter((other) => other !== room).map(folder),
            ...floors.slice(floor + 1).flatMap((above) => above.map(folder)),
            '^lib/[^/]+\\.ts$',
          ],
        },
      })),
    ),
    {
      name: 'redis-can-be-replaced',
      comment: 'Only what wires the rooms together knows which transport there is.',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: folder('redis') },
      to: { path: folder('redis') },
    },
    {
      name: 'the-client-is-one-file',
      comment: 'It can be copied into a project, so it imports nothing, and nothing here imports it.',
      severity: 'error',
      from: { path: folder('client') },
      to: {},
    },
    {
      name: 'the-client-is-for-clients',
      severity: 'error',
      from: { pathNot: folder('client') },
      to: { path: folder('client') },
    },
    {
      name: 'no-nest-in-the-lower-rooms',
      severity: 'error',
      from: { path: `^lib/(${WITHOUT_NEST.join('|')})/` },
      to: { path: '(^|/)(@nestjs/|reflect-metadata)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
