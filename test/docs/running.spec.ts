import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { RedisBackplane } from 'nestjs-redis-backplane';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Deferred } from '../../lib/bus/deferred.js';
import { type Client, connect, type ConnectOptions } from '../../lib/client/index.js';
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
  type Chat = (
    connectHere: (url: string, options: ConnectOptions) => Client,
    token: string,
    show: (data: unknown) => void,
    done: (reply: unknown) => void,
  ) => Promise<void>;

  it('gets the reply, and shows what others say', async () => {
    const server = await farm.server();
    const { code } = blockWith('sample/migrating/README.md', 'await chat.invoke(');
    const url = `ws://127.0.0.1:${server.port}/chat`;
    const located = code.replace('wss://example.com/chat', url);
    const chat = evaluate(`async (connect, token, show, done) => { ${located} }`) as Chat;
    const shown = new Deferred<unknown>();
    const replied = new Deferred<unknown>();
    const connectHere = (to: string, options: ConnectOptions): Client => {
      const client = connect(to, { ...options, WebSocket });
      farm.onEnd(() => client.close());
      return client;
    };

    await chat(connectHere, 'token', shown.resolve, replied.resolve);

    expect(await shown.promise).toEqual({ text: 'hi' });
    expect(await replied.promise).toBeNull();
  });
});
