import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { type CodeBlock, codeBlocks, documents, place } from './markdown.js';
import { brokenLinks } from './links.js';
import { shellErrors } from './shell.js';
import { compilerErrors, syntaxErrors } from './typescript.js';

const COMPILE_TIMEOUT_MS = 120_000;

type Check = (block: CodeBlock) => string[] | Promise<string[]>;

/** How a block is checked, by its language. TypeScript is not here: all of it compiles as one program. */
const CHECKS: Readonly<Record<string, Check>> = {
  js: syntaxErrors,
  sh: shellErrors,
  json: (block) => thrown(block, () => JSON.parse(block.code)),
  yaml: (block) => thrown(block, () => format(block.code, { parser: 'yaml' })),
  xml: () => [],
  // Nothing here can compile these.
  csharp: () => [],
  java: () => [],
  swift: () => [],
  text: () => [],
};

async function thrown(block: CodeBlock, parse: () => unknown): Promise<string[]> {
  try {
    await parse();
    return [];
  } catch (error) {
    return [`${place(block)}: ${String(error)}`];
  }
}

async function errorsIn(block: CodeBlock): Promise<string[]> {
  const check = CHECKS[block.language];
  return check ? check(block) : [`${place(block)}: no check for the language "${block.language}"`];
}

const blocks = documents().flatMap((document) => codeBlocks(document));
const isTypeScript = ({ language }: CodeBlock): boolean => language === 'ts';

describe('the documents', () => {
  it('have TypeScript that compiles against the built package', { timeout: COMPILE_TIMEOUT_MS }, () => {
    const typescript = blocks.filter(isTypeScript);
    expect(typescript.length).toBeGreaterThan(10);
    expect(compilerErrors(typescript)).toEqual([]);
  });

  it('have JavaScript, JSON, YAML and shell commands that can be used', async () => {
    const others = blocks.filter((block) => !isTypeScript(block));
    expect(others.length).toBeGreaterThan(10);
    expect((await Promise.all(others.map(errorsIn))).flat()).toEqual([]);
  });

  it('have links that lead to files and headings', () => {
    expect(documents().flatMap((document) => brokenLinks(document))).toEqual([]);
  });
});

describe('a document with a defect', () => {
  const block = (language: string, code: string, line = 1, file?: string): CodeBlock => ({
    document: 'README.md',
    line,
    language,
    file,
    code,
  });

  it('fails to compile, for each of its blocks', { timeout: COMPILE_TIMEOUT_MS }, () => {
    const module = "import { RedisBackplaneModule } from 'nestjs-redis-backplane';\n";
    const defects = [
      block('ts', 'export const chat = new Chat();\nclass Chat {}', 100),
      block('ts', 'export const authenticate = (request: Request) => tokenOf(request);', 200),
      block('ts', `${module}export default RedisBackplaneModule.forRoot({ conection: 'memory:' });`, 300),
      block('ts', `${module}export {};`, 400),
      block('ts', 'export const port = 3001;', 500, 'src/port.ts'),
      block('ts', "import { host } from './port.js';\nexport const at = host;", 600, 'src/main.ts'),
    ];

    const errors = compilerErrors(defects);
    expect(errors).toContainEqual("README.md:101: Class 'Chat' used before its declaration.");
    expect(errors).toContainEqual("README.md:201: Cannot find name 'tokenOf'.");
    expect(errors).toContainEqual(expect.stringMatching(/^README\.md:302: .*'conection' does not exist/));
    expect(errors).toContainEqual(
      "README.md:401: 'RedisBackplaneModule' is declared but its value is never read.",
    );
    expect(errors).toContainEqual(expect.stringMatching(/^README\.md:601: .*no exported member 'host'/));
  });

  it.each([
    ['js', 'const socket = new WebSocket('],
    ['json', '{ event: 1 }'],
    ['yaml', 'a: [1'],
    ['sh', 'npm run nothing'],
    ['sh', 'npm run sample 99'],
    ['sh', 'npx nothing'],
    ['sh', 'node test/nothing.js'],
    ['sh', 'for port in 1 2; do echo'],
    ['toml', 'a = 1'],
    ['', 'no language'],
  ])('fails for %s: %s', async (language, code) => {
    expect((await errorsIn(block(language, code))).join()).toContain('README.md:1');
  });

  it.each(['[a](lib/nothing.md)', '[a](#nothing)', '[a](CONTRIBUTING.md#nothing)'])(
    'fails for the link %s',
    (link) => expect(brokenLinks('README.md', link)).toHaveLength(1),
  );

  it('is read with the language, the file and the line of each block', () => {
    const markdown = '# Title\n\n**`src/a.ts`**\n\n```ts\nlet a;\n```\n\nText\n\n```sh\nls\n```\n';
    expect(codeBlocks('README.md', markdown)).toEqual([
      { document: 'README.md', line: 5, language: 'ts', file: 'src/a.ts', code: 'let a;\n' },
      { document: 'README.md', line: 11, language: 'sh', file: undefined, code: 'ls\n' },
    ]);
  });
});
