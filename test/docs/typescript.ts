import { dirname, join } from 'node:path';
import ts from 'typescript';
import { PROJECT } from '../support/npm.js';
import { type CodeBlock, place } from './markdown.js';

const file: { readonly config?: unknown } = ts.readConfigFile(join(PROJECT, 'tsconfig.json'), (path) =>
  ts.sys.readFile(path),
);
const { options } = ts.parseJsonConfigFileContent(file.config, ts.sys, PROJECT);

/** The project's own options, but the package is the built one: nothing leads from its types back to its sources. */
const COMPILER_OPTIONS: ts.CompilerOptions = {
  ...options,
  noEmit: true,
  declaration: false,
  sourceMap: false,
  inlineSources: false,
  outDir: undefined,
  rootDir: undefined,
  configFilePath: undefined,
};

/** What the compiler says about blocks, each as a file next to its document: it may import the files there. */
export function compilerErrors(blocks: readonly CodeBlock[]): string[] {
  const sources = new Map(blocks.map((block) => [pathOf(block), block]));
  const host = ts.createCompilerHost(COMPILER_OPTIONS);
  const overlaid: ts.CompilerHost = {
    ...host,
    // The folders of blocks need not exist.
    directoryExists: undefined,
    fileExists: (path) => sources.has(path) || host.fileExists(path),
    readFile: (path) => sources.get(path)?.code ?? host.readFile(path),
    getSourceFile: (path, target, ...rest) => {
      const block = sources.get(path);
      return block
        ? ts.createSourceFile(path, block.code, target, true)
        : host.getSourceFile(path, target, ...rest);
    },
  };
  const program = ts.createProgram([...sources.keys()], COMPILER_OPTIONS, overlaid);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => describe(diagnostic, sources));
}

/** The block as a JavaScript module, for running it. */
export function transpile(code: string): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { ...COMPILER_OPTIONS, module: ts.ModuleKind.ESNext, noEmit: false },
  });
  return outputText;
}

/** What is wrong with the syntax of JavaScript. */
export function syntaxErrors(block: CodeBlock): string[] {
  const { diagnostics = [] } = ts.transpileModule(block.code, {
    reportDiagnostics: true,
    fileName: 'block.js',
    compilerOptions: { allowJs: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext },
  });
  return diagnostics.map(
    ({ messageText }) => `${place(block)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
  );
}

function pathOf({ document, line, file }: CodeBlock): string {
  return join(PROJECT, dirname(document), file ?? `block-in-line-${line}.ts`);
}

function describe(
  { file, start = 0, messageText }: ts.Diagnostic,
  sources: ReadonlyMap<string, CodeBlock>,
): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (!file) return message;
  const { line } = file.getLineAndCharacterOfPosition(start);
  const block = sources.get(file.fileName);
  if (!block) return `${file.fileName}:${line + 1}: ${message}`;
  return `${place({ ...block, line: block.line + line + 1 })}: ${message}`;
}
