import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRY_POINTS = ['lib/index.ts', 'lib/terminus/index.ts', 'lib/testing/index.ts', 'lib/client/index.ts'];

/** What users of the package see, as the compiler declares it. */
export interface PublicSurface {
  /** Every export of every entry point with its signatures, without comments and private members. */
  readonly text: string;
  /** What signatures name although no entry point exports it. */
  readonly unexported: readonly string[];
  /** What the compiler says of the declarations by themselves, as users compile them. */
  readonly errors: readonly string[];
}

/** Declares the library in memory, as `npm run build` does in `dist`. */
export function publicSurface(): PublicSurface {
  const declared = declare();
  const { program, options } = declared;
  const checker = program.getTypeChecker();
  const entries = ENTRY_POINTS.map((path) => ({ path, symbols: exportsOf(path, declared, checker) }));
  const exported = new Set(entries.flatMap(({ symbols }) => symbols.map(({ declaration }) => declaration)));
  const unexported = new Set<string>();
  const text = entries.map(({ path, symbols }) => {
    const declarations = symbols.map(({ name, declaration }) => {
      const parts = withBases(declaration, checker, declared);
      for (const part of parts)
        for (const hidden of namesIn(part, checker, declared))
          if (!exported.has(hidden) && !parts.includes(hidden))
            unexported.add(`${name} names ${nameOf(hidden)}`);
      return parts.map(printed).join('\n');
    });
    return `// ${path}\n\n${declarations.join('\n\n')}\n`;
  });
  const errors = declared.sources().flatMap((source) => program.getSemanticDiagnostics(source));
  const host = ts.createCompilerHost(options);
  return {
    text: text.join('\n'),
    unexported: [...unexported],
    errors: errors.map((error) => ts.formatDiagnostic(error, host)),
  };
}

interface Declared {
  readonly program: ts.Program;
  readonly options: ts.CompilerOptions;
  /** The declaration files of the library itself. */
  readonly sources: () => ts.SourceFile[];
  readonly sourceOf: (path: string) => ts.SourceFile;
}

/** A declaration at the top level of a file of the library. */
type Declaration = ts.Node;

function declare(): Declared {
  const config = ts.getParsedCommandLineOfConfigFile(
    `${ROOT}tsconfig.json`,
    { emitDeclarationOnly: true, removeComments: true, sourceMap: false, inlineSources: false },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (problem) => expectNone([problem]) },
  );
  if (!config) throw new Error('tsconfig.json cannot be read.');
  const files = new Map<string, string>();
  ts.createProgram(config.fileNames, config.options).emit(undefined, (path, text) => files.set(path, text));

  const options: ts.CompilerOptions = {
    ...config.options,
    emitDeclarationOnly: false,
    noEmit: true,
    skipLibCheck: false,
  };
  const disk = ts.createCompilerHost(options);
  const readFile = (path: string): string | undefined => files.get(path) ?? disk.readFile(path);
  const host: ts.CompilerHost = {
    ...disk,
    readFile,
    fileExists: (path) => files.has(path) || disk.fileExists(path),
    directoryExists: () => true,
    getSourceFile: (path, version) => {
      const text = readFile(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, version, true);
    },
  };
  const declarationOf = (path: string): string =>
    path.replace(/^lib\//, `${config.options.outDir ?? ''}/`).replace(/\.ts$/, '.d.ts');
  const program = ts.createProgram(ENTRY_POINTS.map(declarationOf), options, host);
  const sourceOf = (path: string): ts.SourceFile => {
    const source = program.getSourceFile(path);
    if (!source) throw new Error(`${path} is not declared.`);
    return source;
  };
  return {
    program,
    options,
    sources: () => program.getSourceFiles().filter(({ fileName }) => files.has(fileName)),
    sourceOf: (path) => sourceOf(declarationOf(path)),
  };
}

function expectNone(problems: readonly ts.Diagnostic[]): void {
  const [problem] = problems;
  if (problem) throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, ' '));
}

function exportsOf(
  path: string,
  { sourceOf }: Declared,
  checker: ts.TypeChecker,
): { readonly name: string; readonly declaration: Declaration }[] {
  const module = checker.getSymbolAtLocation(sourceOf(path));
  if (!module) throw new Error(`${path} exports nothing.`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, declaration: declarationOf(symbol, checker) }))
    .flatMap(({ name, declaration }) => (declaration ? [{ name, declaration }] : []))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where a symbol is declared in the end, however often it is imported and exported again. */
function declarationOf(symbol: ts.Symbol, checker: ts.TypeChecker): Declaration | undefined {
  const { declarations: [declaration] = [] } =
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return declaration;
}

/** A class with those of its base classes that are the library's own and not exported: what they declare is its own, too. */
function withBases(declaration: Declaration, checker: ts.TypeChecker, declared: Declared): Declaration[] {
  if (!ts.isClassDeclaration(declaration)) return [declaration];
  const bases = declaration.heritageClauses ?? [];
  const hidden = bases
    .flatMap((base) => namesIn(base, checker, declared))
    .filter((base) => ts.isVariableDeclaration(base));
  return [declaration, ...hidden];
}

/** The declarations of the library that stand at the top level of a file, and that a declaration names. */
function namesIn(node: ts.Node, checker: ts.TypeChecker, { sources }: Declared): Declaration[] {
  const own = new Set(sources());
  const found: Declaration[] = [];
  const visit = (part: ts.Node): void => {
    if (ts.isIdentifier(part)) {
      const symbol = checker.getSymbolAtLocation(part);
      const named = symbol && declarationOf(symbol, checker);
      if (named && named !== node && own.has(named.getSourceFile()) && isTopLevel(named)) found.push(named);
    }
    ts.forEachChild(part, visit);
  };
  visit(node);
  return found;
}

function isTopLevel(node: Declaration): boolean {
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts.isSourceFile(statement.parent) && !ts.isImportDeclaration(statement);
}

function nameOf(node: Declaration): string {
  return ts.getNameOfDeclaration(node as ts.Declaration)?.getText() ?? 'something without a name';
}

function printed(node: Declaration): string {
  const lines = node.getText().split('\n');
  return lines.filter((line) => !/^\s*private /.test(line)).join('\n');
}
