import { createReadStream } from 'node:fs';
import { Controller, Get, NotFoundException, Param, StreamableFile } from '@nestjs/common';

/** The client of the package, as the build has made it. */
const CLIENT = new URL(import.meta.resolve('nestjs-redis-backplane/client'));
/** The page stands in the project's source tree, wherever the compiled code runs from. */
const PUBLIC = new URL('sample/01-chat/public/', import.meta.resolve('nestjs-redis-backplane/package.json'));

const TYPES = new Map([
  ['index.html', 'text/html'],
  ...['base', 'layout', 'farm', 'composer', 'members', 'messages', 'screens'].map(
    (name) => [`${name}.css`, 'text/css'] as const,
  ),
  ...['chat', 'client', 'composer', 'dom', 'farm', 'groups', 'latency', 'members', 'messages', 'world'].map(
    (name) => [`${name}.js`, 'text/javascript'] as const,
  ),
]);

@Controller()
export class PageController {
  @Get()
  page() {
    return this.file('index.html');
  }

  @Get(':name')
  file(@Param('name') name: string) {
    const type = TYPES.get(name);
    if (type === undefined) throw new NotFoundException();
    const url = name === 'client.js' ? CLIENT : new URL(name, PUBLIC);
    return new StreamableFile(createReadStream(url), { type: `${type}; charset=utf-8` });
  }
}
