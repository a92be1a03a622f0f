import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../support/program.js';
import type { TestFarm } from '../support/test-farm.js';
import { HUB_SCRIPT } from './hub-script.js';

const MICROSOFT = join(projectRoot(), 'node_modules', '@microsoft');
const LIBRARIES: Readonly<Record<string, string>> = {
  '/signalr.js': join(MICROSOFT, 'signalr/dist/browser/signalr.min.js'),
  '/msgpack.js': join(MICROSOFT, 'signalr-protocol-msgpack/dist/browser/signalr-protocol-msgpack.min.js'),
};
const HTML = `<!doctype html><title>A page with SignalR</title><link rel="icon" href="data:,">
<script src="/signalr.js"></script><script src="/msgpack.js"></script><script>${HUB_SCRIPT}</script>`;

/**
 * A web server with a page that uses Microsoft's client. Pages are not served by Playwright's `route()`, because Playwright
 * then answers the preflights itself.
 */
export class HubSite {
  private constructor(private readonly server: Server) {}

  /** Starts a site that ends with the test. */
  static async start(farm: TestFarm): Promise<HubSite> {
    const server = createServer((request, response) => {
      const library = LIBRARIES[request.url ?? ''];
      if (library === undefined) {
        response.setHeader('content-type', 'text/html').end(HTML);
        return;
      }
      void readFile(library).then((code) => response.setHeader('content-type', 'text/javascript').end(code));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    farm.onEnd(() => {
      server.close();
      server.closeAllConnections();
    });
    return new HubSite(server);
  }

  /** Its origin under a host name that leads to this machine. */
  origin(host: string): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }
}
