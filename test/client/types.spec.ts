import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import type { Client } from '../../lib/client/index.js';
import { PROJECT } from '../support/npm.js';

// As users write it, and as both sides share it.
interface ServerEvents {
  said: { room: string; text: string };
  typing: undefined;
}
interface ClientEvents {
  say: { room: string; text: string };
  leave: undefined;
}

/** `tsc -p test` compiles the function's body. It never runs. */
function compiled(check: (...subjects: never[]) => unknown): void {
  expect(check).toBeTypeOf('function');
}

describe('Client<ServerEvents, ClientEvents>', () => {
  it('handles what a Broadcaster of the same events emits, and refuses other events', () => {
    compiled((client: Client<ServerEvents, ClientEvents>, broadcaster: Broadcaster<ServerEvents>) => {
      client.on('said', (data) => {
        expectTypeOf(data).toEqualTypeOf<ServerEvents['said']>();
        void broadcaster.emit('said', data);
      });
      client.on('typing', (data) => expectTypeOf(data).toEqualTypeOf<undefined>());
      expectTypeOf(client.on('said', () => 'a reply')).toEqualTypeOf<() => void>();
      // @ts-expect-error no such event
      client.on('shouted', () => undefined);
      // @ts-expect-error data of the wrong type
      client.on('said', (data: { text: number }) => data);
    });
  });

  it('emits and invokes what the server’s handlers take', () => {
    compiled((client: Client<ServerEvents, ClientEvents>) => {
      client.emit('say', { room: 'tea', text: 'hi' });
      client.emit('leave');
      expectTypeOf(client.invoke('leave')).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(client.invoke<number>('say', { room: 'tea', text: 'hi' })).toEqualTypeOf<
        Promise<number>
      >();
      // @ts-expect-error an event of the server
      client.emit('said', { room: 'tea', text: 'hi' });
      // @ts-expect-error its data is missing
      client.emit('say');
      // @ts-expect-error data of the wrong type
      void client.invoke('say', { room: 1 });
    });
  });

  it('without type arguments takes any event', () => {
    compiled((client: Client) => {
      client.on('anything', (data) => expectTypeOf(data).toBeUnknown());
      client.emit('anything');
      client.emit('anything', { at: 'all' });
    });
  });
});

describe('the types compile in a project', () => {
  const source = readFileSync(join(PROJECT, 'lib/client/index.ts'), 'utf8');
  const folder = join(PROJECT, 'test/client/consumer');
  const BASIC = `
import { connect } from './client.js';
const client = connect<{ said: string }>('wss://example.com/chat', { token: () => Promise.resolve('token') });
export const off = client.on('said', (text) => text.length);`;
  const BROWSER = `${BASIC}
export const { signal } = new AbortController();
export const reply = client.invoke('x', 1, { signal });
connect('wss://example.com', { WebSocket });
connect('wss://example.com', { open: (url, protocols) => new WebSocket(url, protocols) });`;
  const NODE = `${BASIC}
import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
export const reply = client.invoke('x', 1, { signal: AbortSignal.timeout(1) });
connect('wss://example.com', { WebSocket, codec: { subprotocol: 'backplane.msgpack.v1', encode, decode } });
connect('wss://example.com', { open: (url, protocols) => new WebSocket(url, protocols, {}) });`;

  /** What the compiler says of a project that has these files and nothing else. */
  function errorsOf(files: Record<string, string>, lib: string[], types: string[]): string[] {
    const options: ts.CompilerOptions = {
      strict: true,
      erasableSyntaxOnly: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: lib.map((name) => `lib.${name}.d.ts`),
      types,
      noEmit: true,
    };
    const host = ts.createCompilerHost(options);
    const texts = new Map(Object.entries(files).map(([name, text]) => [join(folder, name), text]));
    const overlaid: ts.CompilerHost = {
      ...host,
      directoryExists: undefined,
      fileExists: (path) => texts.has(path) || host.fileExists(path),
      readFile: (path) => texts.get(path) ?? host.readFile(path),
      getSourceFile: (path, version) => {
        const text = texts.get(path) ?? host.readFile(path);
        return text === undefined ? undefined : ts.createSourceFile(path, text, version, true);
      },
    };
    const program = ts.createProgram([...texts.keys()], options, overlaid);
    return program
      .getSourceFiles()
      .filter(({ fileName }) => texts.has(fileName))
      .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  }

  const declaration = ts.transpileDeclaration(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText;
  const forms = { declared: { 'client.d.ts': declaration }, copied: { 'client.ts': source } };

  describe.each(Object.entries(forms))('%s', (_form, client) => {
    it.each([
      ['with neither the types of browsers nor those of Node', BASIC, ['es2022'], []],
      ['of a browser', BROWSER, ['es2022', 'dom'], []],
      ['of Node, with `ws` and MessagePack', NODE, ['es2022'], ['node']],
    ])('%s', { timeout: 120_000 }, (_name, consumer, lib, types) => {
      expect(errorsOf({ ...client, 'consumer.ts': consumer }, lib, types)).toEqual([]);
    });
  });

  it('and a wrong call does not', { timeout: 120_000 }, () => {
    const wrong = `${BASIC}\nclient.on('shouted', () => 1);`;
    expect(errorsOf({ ...forms.declared, 'consumer.ts': wrong }, ['es2022'], [])).toHaveLength(1);
  });
});
