import { createReadStream } from 'node:fs';
import { Controller, Get, NotFoundException, Param, StreamableFile } from '@nestjs/common';

/** The page stands in the project's source tree, wherever the compiled code runs from. */
const PUBLIC = new URL('sample/01-chat/public/', import.meta.resolve('nestjs-redis-backplane/package.json'));

const TYPES = new Map([
  ['index.html', 'text/html'],
  ['base.css', 'text/css'],
  ['layout.css', 'text/css'],
  ['farm.css', 'text/css'],
  ['messages.css', 'text/css'],
  ['chat.js', 'text/javascript'],
  ['farm.js', 'text/javascript'],
  ['reconnect.js', 'text/javascript'],
  ['view.js', 'text/javascript'],
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
    return new StreamableFile(createReadStream(new URL(name, PUBLIC)), { type: `${type}; charset=utf-8` });
  }
}
