/** Releases of Node from the npm package `node`: the first of 20 and 22 that are supported, one of 24, and the newest. */
export const NODES = ['20.19.0', '22.12.0', '24.9.0', '26.10.0'] as const;

export type NodeRelease = (typeof NODES)[number];

/** Releases by package name. */
export type Releases = Readonly<Record<string, string>>;

/** The oldest releases that the peer dependencies allow. Not every package of Nest was published with every release. */
export const OLDEST: Releases = {
  '@nestjs/common': '11.0.0',
  '@nestjs/core': '11.0.0',
  '@nestjs/microservices': '11.0.0',
  '@nestjs/platform-express': '11.0.0',
  '@nestjs/platform-fastify': '11.0.3',
  '@nestjs/platform-ws': '11.0.5',
  '@nestjs/terminus': '11.0.0',
  '@nestjs/testing': '11.0.0',
  '@nestjs/websockets': '11.0.0',
  ioredis: '5.4.0',
};

/** The generator of each major version of Nest. */
export const GENERATORS: Readonly<Record<11 | 12, Releases>> = {
  11: { '@nestjs/schematics': '11.1.0', '@angular-devkit/schematics-cli': '19.2.24' },
  12: { '@nestjs/schematics': '12.0.6', '@angular-devkit/schematics-cli': '22.2.0' },
};
