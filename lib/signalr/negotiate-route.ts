import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { HttpAnswer } from './negotiate-response.js';

/** What an HTTP adapter passes to a handler: Node's own request, or an object around it. */
type AdapterRequest = IncomingMessage | { readonly raw: IncomingMessage };

/** Serves a route of the app's HTTP server, behind its middleware, such as CORS. */
export function addRoute(
  http: AbstractHttpAdapter,
  url: string,
  answer: (request: IncomingMessage) => Promise<HttpAnswer>,
): void {
  http.all(literalRoute(http, url), async (request: AdapterRequest, response: unknown): Promise<void> => {
    const { status, headers, body } = await answer('raw' in request ? request.raw : request);
    for (const [name, value] of Object.entries(headers)) {
      // What the app has set for its own CORS stays.
      if (!http.getHeader(response, name)) http.setHeader(response, name, value);
    }
    http.reply(response, body, status);
  });
}

/** A route that matches the URL itself, although some of its characters have a meaning in routes. */
function literalRoute(http: AbstractHttpAdapter, url: string): string {
  return http.getType() === 'express' ? url.replace(/[{}()[\]+?!:*\\]/g, '\\$&') : url.replaceAll(':', '::');
}

/** Sends an answer from a server without an HTTP adapter. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (body)
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
  else response.writeHead(status, headers).end();
}
