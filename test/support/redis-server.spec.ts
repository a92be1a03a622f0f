import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ProgramError } from './program.js';
import { findRedisBinary } from './redis-binary.js';
import { acquireRedis, startRedis, RedisStartError } from './redis-server.js';
import { eventually } from './observe.js';

// The first run on a machine may have to download Redis.
beforeAll(async () => {
  await findRedisBinary();
}, 180_000);

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function runningRedis(options?: Parameters<typeof startRedis>[0]) {
  const redis = await startRedis(options);
  cleanups.push(() => redis.stop());
  return redis;
}

async function temporaryFolder(parent = tmpdir()): Promise<string> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'redis-spec-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  // A server that is killed resets the connection.
  socket.on('error', () => undefined);
  return socket;
}

async function ask(port: number, command: string): Promise<string> {
  const socket = await connected(port);
  socket.write(`${command}\r\n`);
  const closed = once(socket, 'close').then(() => ['(connection closed)']);
  return (await Promise.race([once(socket, 'data'), closed])).join('');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startRedis', () => {
  it('starts an empty server without persistence on its own port', async () => {
    const [first, second] = await Promise.all([runningRedis(), runningRedis()]);

    expect(first.url).toBe(`redis://127.0.0.1:${first.port}`);
    expect(second.port).not.toBe(first.port);
    expect(await ask(first.port, 'INFO server')).toContain(`process_id:${first.pid}\r\n`);
    expect(await ask(first.port, 'CONFIG GET save')).toBe('*2\r\n$4\r\nsave\r\n$0\r\n\r\n');
    expect(await ask(first.port, 'CONFIG GET bind')).toContain('\r\n127.0.0.1\r\n');
  });

  it('passes on arguments, including a password', async () => {
    const redis = await runningRedis({ args: ['--requirepass', 'secret', '--maxclients', '77'] });

    expect(await ask(redis.port, 'PING')).toMatch(/^-NOAUTH/);
  });

  it('fails with the server’s output if the server rejects its arguments', async () => {
    const failure = startRedis({ args: ['--no-such-setting', 'yes'] });

    await expect(failure).rejects.toThrow(RedisStartError);
    await expect(failure).rejects.toThrow('no-such-setting');
  });

  it('fails if the given port is taken, even by another Redis', async () => {
    const { port } = await runningRedis();

    await expect(startRedis({ port })).rejects.toThrow('Address already in use');
  });

  it('restarts empty on the same port after a kill', async () => {
    const redis = await runningRedis();
    const firstPid = redis.pid;
    await ask(redis.port, 'SET key value');

    await redis.kill();
    expect(isAlive(firstPid)).toBe(false);
    expect(() => redis.pid).toThrow('is not running');
    await redis.start();

    expect(redis.pid).not.toBe(firstPid);
    expect(await ask(redis.port, 'GET key')).toBe('$-1\r\n');
    await expect(redis.start()).rejects.toThrow('already started');
  });

  it('accepts connections while frozen, but replies only after resume', async () => {
    const redis = await runningRedis();
    redis.freeze();
    const socket = await connected(redis.port);
    const replies: string[] = [];
    socket.on('data', (reply: string) => replies.push(reply)).write('PING\r\n');
    await eventually(async () => expect(await processState(redis.pid)).toBe('T'));
    expect(replies).toEqual([]);

    redis.resume();

    await eventually(() => expect(replies).toEqual(['+PONG\r\n']));
  });

  it('can be stopped while frozen, while starting, and twice', async () => {
    const redis = await runningRedis();
    const { pid } = redis;
    redis.freeze();
    await Promise.all([redis.stop(), redis.stop()]);
    expect(isAlive(pid)).toBe(false);

    const starting = redis.start();
    await redis.stop();
    await starting;
    expect(() => redis.pid).toThrow('is not running');
  });
});

/** The process state letter of Linux. `T` means stopped. */
async function processState(pid: number): Promise<string | undefined> {
  return /^State:\s+(\w)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
}

describe('acquireRedis', () => {
  it('uses REDIS_URL and does not stop that server', async () => {
    vi.stubEnv('REDIS_URL', 'redis://example.test:6379');
    const redis = await acquireRedis();
    await redis.stop();

    expect(redis).toEqual({ url: 'redis://example.test:6379', stop: redis.stop });
  });

  it('starts and stops its own server without REDIS_URL', async () => {
    vi.stubEnv('REDIS_URL', undefined);
    const { url, server, stop } = await acquireRedis();
    cleanups.push(stop);
    const pid = server?.pid ?? NaN;
    expect(url).toBe(server?.url);
    expect(isAlive(pid)).toBe(true);

    await stop();

    expect(isAlive(pid)).toBe(false);
  });
});

describe('findRedisBinary', () => {
  it('fails with advice if REDIS_SERVER_BIN does not run', async () => {
    vi.stubEnv('REDIS_SERVER_BIN', '/no/such/redis-server');

    await expect(findRedisBinary()).rejects.toThrow(ProgramError);
    await expect(findRedisBinary()).rejects.toThrow(/REDIS_SERVER_BIN is "\/no\/such.*\n.*set REDIS_URL/);
  });

  it('fails with advice if there is neither a server nor apt-get', async () => {
    const empty = await temporaryFolder();
    vi.stubEnv('REDIS_SERVER_BIN', undefined);
    vi.stubEnv('PATH', empty);

    await expect(findRedisBinary(empty)).rejects.toThrow(/no redis-server.*\n.*the package redis-server/);
  });
});

describe('A Redis whose owner exits without stop()', () => {
  const endings: [name: string, end: (owner: Owner) => unknown][] = [
    ['SIGKILL', ({ child }) => child.kill('SIGKILL')],
    ['SIGTERM', ({ child }) => child.kill('SIGTERM')],
    ['SIGINT to its process group', ({ group }) => process.kill(-group, 'SIGINT')],
    ['a normal exit', ({ child }) => child.stdin.end('exit')],
  ];

  it.each(endings)('exits and its folder is removed: %s', async (_name, end) => {
    const owner = await startOwner();
    expect(isAlive(owner.redis.pid)).toBe(true);
    expect(await readdir(owner.temp)).toHaveLength(1);

    end(owner);

    // The guard is the parent of Redis and reaps it, so no zombie keeps the process id.
    await eventually(() => expect(isAlive(owner.redis.pid)).toBe(false));
    await eventually(async () => expect(await readdir(owner.temp)).toEqual([]));
  });

  it('survives a Ctrl-C that its owner survives', async () => {
    const { child, group, redis } = await startOwner(
      "process.on('SIGINT', () => console.log('interrupted'));",
    );

    process.kill(-group, 'SIGINT');
    await once(child.stdout, 'data');

    // Redis handles a signal at its next tick, ten times a second, so it must survive more than one tick.
    expect(await ask(redis.port, 'BLPOP nothing 0.5')).toBe('*-1\r\n');
  });
});

interface Owner {
  child: ChildProcessByStdio<Writable, Readable, null>;
  group: number;
  redis: { pid: number; port: number };
  temp: string;
}

/** Starts a process that starts a Redis. It leads its own process group, like a command in a terminal. */
async function startOwner(script = ''): Promise<Owner> {
  const folder = await temporaryFolder(fileURLToPath(new URL('../../.cache', import.meta.url)));
  const temp = await temporaryFolder();
  await compileSupport(folder);
  const source = `
    import { startRedis } from './redis-server.js';
    process.stdin.on('data', () => process.exit());
    ${script}
    const { pid, port } = await startRedis();
    console.log(pid + ' ' + port);`;
  await writeFile(join(folder, 'owner.js'), source);
  const child = spawn(process.execPath, [join(folder, 'owner.js')], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: temp },
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const output = await once(child.stdout, 'data');
  const [pid = NaN, port = NaN] = output.join('').split(' ').map(Number);
  return { child, group: child.pid ?? NaN, redis: { pid, port }, temp };
}

async function compileSupport(folder: string): Promise<void> {
  for (const name of [
    'debian-package',
    'free-ports',
    'program',
    'redis-binary',
    'redis-server',
    'process-guard',
  ]) {
    const source = await readFile(new URL(`./${name}.ts`, import.meta.url), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    await writeFile(join(folder, `${name}.js`), ts.transpileModule(source, { compilerOptions }).outputText);
  }
}
