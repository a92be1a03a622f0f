import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { RedisBackplane } from 'nestjs-redis-backplane';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { useRedis } from '../support/acceptance.js';
import { PROJECT } from '../support/npm.js';
import { join, listen, useTestFarm } from '../support/test-farm.js';
import { evaluate } from './evaluate.js';
import { type CodeBlock, codeBlocks, documents, place } from './markdown.js';
import { WrittenBlocks } from './written-blocks.js';

const DEFAULT_REDIS = 'redis://127.0.0.1:6379';

const farm = useTestFarm();
const redis = useRedis();

afterEach(() => vi.unstubAllEnvs());

function blockWith(document: string, text: string): CodeBlock {
  const [block, ...others] = codeBlocks(document).filter(({ code }) => code.includes(text));
  if (!block || others.length > 0) throw new Error(`${document} must have one block with "${text}".`);
  return block;
}

/** Modules of documents: each is an app by itself. The README's needs its other files, and has a test of its own. */
const apps = documents()
  .filter((document) => document !== 'README.md')
  .flatMap((document) => codeBlocks(document))
  .filter(({ language, code }) => language === 'ts' && code.includes('export class AppModule'));

/** The block where it is written to: its Redis is in memory, and files of its sample are found. */
function relocated({ document, code }: CodeBlock, connection: string): string {
  const folder = pathToFileURL(path.join(PROJECT, path.dirname(document))).href;
  return code
    .replaceAll(DEFAULT_REDIS, connection)
    .replace(/from '\.\/([\w.-]+)\.js'/g, `from '${folder}/$1.ts'`);
}

describe('an app in a block of a document', () => {
  it.each(apps.map((block) => [place(block), block] as const))('boots: %s', async (name, block) => {
    const memory = `memory:${randomUUID()}`;
    vi.stubEnv('REDIS_URL', memory);
    vi.stubEnv('JWT_SECRET', 'secret');
    const code = relocated(block, memory);
    const { AppModule } = await new WrittenBlocks(farm).import<{ AppModule: Type }>(`${name}.ts`, code);

    const app = await farm.app({ imports: [AppModule] });
    await listen(app);

    expect(app.get(RedisBackplane).status).toEqual({ state: 'ready' });
  });

  it('is there', () => expect(apps.length).toBeGreaterThan(2));
});

describe('the emitter of the wire format', () => {
  interface Emitter {
    emitToGroup(prefix: string, path: string, group: string, event: string, data: unknown): Promise<void>;
    close(): Promise<unknown>;
  }

  it('reaches a group, and is no server that others wait for', async () => {
    const options = farm.options(redis.url);
    const server = await farm.server(options);
    const client = await farm.client(server);
    await join(client, 'tea');
    const { code } = blockWith('lib/protocol/README.md', 'export async function emitToGroup');
    const emitter = await new WrittenBlocks(farm).import<Emitter>(
      'emitter.ts',
      code.replace(DEFAULT_REDIS, redis.url),
    );
    farm.onEnd(() => emitter.close());

    // Longer than what one byte of a length holds.
    const said = ['Hello', 'Hello again '.repeat(50)];
    for (const text of said)
      await emitter.emitToGroup(options.channelPrefix ?? '', '/chat', 'tea', 'said', text);

    await client.count('said', said.length);
    expect(client.dataOf('said')).toEqual(said);
    expect(server.backplane.delivery()).toMatchObject({ up: true, servers: 0 });
    expect(server.backplane.counters).toMatchObject({ malformed: 0, duplicates: 0 });
  });
});

describe('the client for those who come from Socket.IO', () => {
  interface Client {
    readonly open: (url: string, token: string, show: (data: unknown) => void) => Promise<WebSocket>;
    readonly request: (socket: WebSocket, event: string, data?: unknown) => Promise<unknown>;
  }

  it('waits until it is open, gets replies, and shows what others say', async () => {
    const server = await farm.server();
    const { code } = blockWith('sample/migrating/README.md', 'function request(');
    const makeClient = evaluate(`(WebSocket) => { ${code}; return { open, request }; }`) as (
      socket: typeof WebSocket,
    ) => Client;
    const { open, request } = makeClient(WebSocket);
    const shown = new Promise((resolve) => {
      void open(`ws://127.0.0.1:${server.port}/chat`, 'token', resolve).then(async (socket) => {
        farm.onEnd(() => socket.terminate());
        expect(await request(socket, 'id')).toMatch(/^.{12}\..{12}$/);
        expect(await request(socket, 'join', 'tea')).toBe('tea');
        await server.broadcaster.gateway('/chat').group('tea').emit('said', 'Hello');
      });
    });

    expect(await shown).toBe('Hello');
  });
});
