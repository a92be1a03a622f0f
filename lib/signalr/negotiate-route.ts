import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { HttpAnswer } from './negotiate-response.js';

/** The request that an HTTP adapter passes to a handler: Node's own request (Express) or a wrapper (Fastify). */
type AdapterRequest = IncomingMessage | { readonly raw: IncomingMessage };

/**
 * Adds a route to the app's HTTP server. Middleware of `app.use()`, such as CORS, runs first. Nest adds the middleware of
 * `MiddlewareConsumer` after the gateways, so on Express it does not run for this route. On Fastify it does.
 */
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
  return http.getType() === 'express' ? url.replace(/[{}()[\]+?!:*\\]/g, '\\$&') : fastifyRoute(url);
}

/** What a route of Fastify cannot contain: its wildcard, and the escapes that its router decodes only in parameters. */
const UNROUTABLE = /((?:\*|%(?:2[346BCF]|3[ABDF]|40))+)/;

/**
 * The router of Fastify compares decoded URLs, so the route is decoded, too. A parameter that matches a single value takes
 * the place of what a route cannot contain.
 */
function fastifyRoute(url: string): string {
  // `split` with a group puts its matches at the odd indexes.
  const parts = url.split(UNROUTABLE).map((part, index) => {
    if (index % 2 === 0) return decoded(part).replaceAll(':', '::');
    return `:at${index}(^${part.replaceAll('*', '%2A').replaceAll('%', '\\x')}$)`;
  });
  return parts.join('');
}

function decoded(part: string): string {
  try {
    return decodeURI(part);
  } catch {
    // Not a valid URL, so no client can request it.
    return part;
  }
}

/** Sends an answer on a port that has no HTTP adapter. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (body)
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body));
  else response.writeHead(status, headers).end();
}
