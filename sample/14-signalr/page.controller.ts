import { createReadStream } from 'node:fs';
import { Controller, Get, NotFoundException, Param, StreamableFile } from '@nestjs/common';

const PROJECT = import.meta.resolve('nestjs-redis-backplane/package.json');
/** The page is in the source tree, wherever the compiled code runs. */
const PUBLIC = new URL('sample/14-signalr/public/', PROJECT);
/** Microsoft's own builds of the client. */
const MICROSOFT = new URL('node_modules/@microsoft/', PROJECT);

const FILES = new Map([
  ['index.html', { type: 'text/html', url: new URL('index.html', PUBLIC) }],
  ['page.css', { type: 'text/css', url: new URL('page.css', PUBLIC) }],
  ...['page.js', 'hub-client.js', 'plain-client.js'].map(
    (name) => [name, { type: 'text/javascript', url: new URL(name, PUBLIC) }] as const,
  ),
  ...['signalr', 'signalr-protocol-msgpack'].map(
    (name) =>
      [
        `${name}.min.js`,
        { type: 'text/javascript', url: new URL(`${name}/dist/browser/${name}.min.js`, MICROSOFT) },
      ] as const,
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
    const file = FILES.get(name);
    if (!file) throw new NotFoundException();
    return new StreamableFile(createReadStream(file.url), { type: `${file.type}; charset=utf-8` });
  }
}
