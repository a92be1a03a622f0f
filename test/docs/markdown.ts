import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../support/npm.js';

/** A fenced block of a document. */
export interface CodeBlock {
  /** The document's path, from the project's root. */
  readonly document: string;
  /** Where the fence stands, counted from 1. */
  readonly line: number;
  readonly language: string;
  /** The file that the block shows, from a line such as **`src/main.ts`** above it. */
  readonly file: string | undefined;
  readonly code: string;
}

const IGNORED = new Set(['node_modules', 'dist']);
const FENCE = /^ *```(\S*)/;
const FILE_ABOVE = /^\*\*`([^`]+)`\*\*/;

/** Every Markdown file of the repository, from its root. Dot folders hold no documents. */
export function documents(folder = ''): string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith('.') || IGNORED.has(entry.name)) return [];
    if (entry.isDirectory()) return documents(path);
    return path.endsWith('.md') ? [path] : [];
  });
}

export function read(document: string): string {
  return readFileSync(join(PROJECT, document), 'utf8');
}

/** The fenced blocks of a document, in their order. */
export function codeBlocks(document: string, markdown = read(document)): CodeBlock[] {
  const lines = markdown.split('\n');
  const blocks: CodeBlock[] = [];
  let fileAbove: string | undefined;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const fence = FENCE.exec(line);
    if (!fence) {
      if (line.trim() !== '') fileAbove = FILE_ABOVE.exec(line)?.[1];
      continue;
    }
    const start = index + 1;
    do index++;
    while (index < lines.length && !FENCE.test(lines[index] ?? ''));
    const code = `${lines.slice(start, index).join('\n')}\n`;
    blocks.push({ document, line: start, language: fence[1] ?? '', file: fileAbove, code });
    fileAbove = undefined;
  }
  return blocks;
}

/** Where a block stands, as an editor opens it. */
export function place({ document, line }: CodeBlock): string {
  return `${document}:${line}`;
}
