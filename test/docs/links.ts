import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT } from '../support/npm.js';
import { read } from './markdown.js';

const LINK = /\]\(([^)\s]+)\)/g;
const FENCED = /^ *```[^]*?^ *```/gm;

/** Links of a document that lead nowhere: to a file or a heading that is not there. Addresses of the web are not asked. */
export function brokenLinks(document: string, markdown = read(document)): string[] {
  return [...markdown.replace(FENCED, '').matchAll(LINK)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link) && !leads(document, link))
    .map((link) => `${document}: ${link}`);
}

function leads(document: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : join(dirname(document), path);
  if (!existsSync(join(PROJECT, target))) return false;
  if (anchor === undefined) return true;
  const isFolder = statSync(join(PROJECT, target)).isDirectory();
  return headings(isFolder ? join(target, 'README.md') : target).has(anchor);
}

/** The anchors that GitHub makes of a document's headings. */
function headings(document: string): Set<string> {
  const lines = read(document)
    .replace(FENCED, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...lines].map(([, heading = '']) =>
      heading
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}
