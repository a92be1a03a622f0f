import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { HttpAnswer } from './negotiate-response.js';

/** The request that an HTTP adapter passes to a handler: Node's own request (Express) or a wrapper (Fastify). */
type AdapterRequest = IncomingMessage | { readonly raw: IncomingMessage };

/** Adds a route to the app's HTTP server. The app's middleware, such as CORS, runs first. */
export function addRoute(
  http: AbstractHttpAdapter,
  url: string,
  answer: (request: IncomingMessage) => Promise<HttpAnswer>,
): void {
  http.all(literalRoute(http, url), async (request: AdapterRequest, response: unknown): Promise<void> => {
    const { status, headers, body } = await answer('raw' in request ? request.raw : request);
    for (const [name, value] of Object.entries(headers)) {
      // Keeps the headers that the app's own CORS middleware has set.
      if (!http.getHeader(response, name)) http.setHeader(response, name, value);
    }
    http.reply(response, body, status);
  });
}

/** A route that matches the URL itself, although some of its characters have a meaning in routes. */
function literalRoute(http: AbstractHttpAdapter, url: string): string {
  return http.getType() === 'express' ? url.replace(/[{}()[\]+?!:*\\]/g, '\\$&') : url.replaceAll(':', '::');
}

/** Sends an answer on a port that has no HTTP adapter. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (body)
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
  else response.writeHead(status, headers).end();
}
