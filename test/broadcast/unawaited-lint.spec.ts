import { fileURLToPath } from 'node:url';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

// Lints calls as an app would write them, with the rules on promises that Nest's starter and typescript-eslint turn on.

const FLOATING = '@typescript-eslint/no-floating-promises';
const RULES: Linter.RulesRecord = {
  [FLOATING]: 'error',
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/require-await': 'error',
  '@typescript-eslint/return-await': ['error', 'in-try-catch'],
};

/** Statements that the rules must accept. */
const ACCEPTED = [
  "server.emit('a');",
  "server.group('g').except(client.id).volatile.emit('a', 1);",
  "client.emit('a');",
  "if (client.userId) client.emit('a');",
  "void server.emit('a');",
  "await server.emit('a');",
  "await Promise.all([server.emit('a'), client.emit('b'), client.join('g')]);",
  "return server.emit('a');",
  "try { return await client.emit('a'); } catch { return undefined; }",
  "server.emit('a').catch(() => undefined);",
  "const sent: Promise<Delivery> = server.emit('a'); await sent;",
  "const { local } = await server.emit('a'); return local;",
  "await client.join('g');",
];

/** Statements that `no-floating-promises` must refuse: nothing else reports their failures. */
const REFUSED = [
  "client.join('g');",
  "client.leave('g');",
  "client.invoke('q');",
  "server.group('g').join('h');",
  "server.group('g').leave('h');",
  "server.user('u').disconnect();",
  "server.connection('c').invoke('q');",
  "server.invokeAll('q');",
  "server.emit('a').then(() => undefined);",
];

const FILE = fileURLToPath(new URL('unawaited-calls.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

/** Each statement is a line of its own, in a function of its own. The file exists in memory only. */
const HEAD =
  "import type { BackplaneConnection, Broadcaster, Delivery } from '../../lib/index.js'; export type Used = Delivery;";
const functionOf = (statement: string, index: number): string =>
  `export ${/await|return/.test(statement) ? 'async ' : ''}function f${index}(server: Broadcaster, client: BackplaneConnection) { ${statement} }`;
const SOURCE = [HEAD, ...[...ACCEPTED, ...REFUSED].map(functionOf)].join('\n');

function program(): ts.Program {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(TSCONFIG, (path) => ts.sys.readFile(path)).config,
    ts.sys,
    fileURLToPath(new URL('..', import.meta.url)),
  );
  const disk = ts.createCompilerHost({ ...options, noUnusedParameters: false });
  const readFile = (path: string): string | undefined => (path === FILE ? SOURCE : disk.readFile(path));
  const host: ts.CompilerHost = {
    ...disk,
    readFile,
    fileExists: (path) => path === FILE || disk.fileExists(path),
    getSourceFile: (path, version) => {
      const text = readFile(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, version, true);
    },
  };
  return ts.createProgram([FILE], { ...options, noUnusedParameters: false }, host);
}

describe('a linter with the usual rules on promises', () => {
  const compiled = program();
  const messages = new Linter({ configType: 'flat' }).verify(
    SOURCE,
    [
      {
        files: ['**/*.ts'],
        plugins: { '@typescript-eslint': tseslint.plugin },
        languageOptions: { parser: tseslint.parser, parserOptions: { programs: [compiled] } },
        rules: RULES,
      },
    ],
    FILE,
  );
  const findings = (index: number): string[] =>
    messages.filter(({ line }) => line === index + 2).map(({ ruleId, message }) => ruleId ?? message);

  it('reads the calls without errors of types', () => {
    const source = compiled.getSourceFile(FILE);
    const problems = compiled.getSemanticDiagnostics(source).map(({ messageText }) => messageText);
    expect(problems).toEqual([]);
    expect(messages.filter(({ fatal }) => fatal)).toEqual([]);
  });

  it.each(ACCEPTED.map((statement, index) => [statement, index] as const))(
    'accepts %s',
    (_statement, index) => {
      expect(findings(index)).toEqual([]);
    },
  );

  it.each(REFUSED.map((statement, index) => [statement, index + ACCEPTED.length] as const))(
    'refuses %s',
    (_statement, index) => {
      expect(findings(index)).toEqual([FLOATING]);
    },
  );
});
