import { BackplaneError } from '../protocol/backplane.error.js';

/** Another WebSocketAdapter serves the app's gateways, so nothing of the backplane would work. */
export class ForeignAdapterError extends BackplaneError {
  override readonly name = 'ForeignAdapterError';
  override readonly code = 'BACKPLANE_FOREIGN_ADAPTER';

  constructor(adapterName: string) {
    super(
      `RedisBackplaneModule is imported, but the app uses ${adapterName}. Remove app.useWebSocketAdapter(…), ` +
        'or give it app.get(RedisBackplaneAdapter): an app has one WebSocketAdapter.',
    );
  }
}

/** The module is imported twice with options of their own. */
export class DuplicateBackplaneError extends BackplaneError {
  override readonly name = 'DuplicateBackplaneError';
  override readonly code = 'BACKPLANE_DUPLICATE_MODULE';

  constructor() {
    super(
      'RedisBackplaneModule.forRoot() or forRootAsync() is called twice in this app. Call it once, in the root module: ' +
        'what it provides is global.',
    );
  }
}

/** Gateways need an HTTP server, and this app has none. */
export class NoHttpServerError extends BackplaneError {
  override readonly name = 'NoHttpServerError';
  override readonly code = 'BACKPLANE_NO_HTTP_SERVER';

  constructor() {
    super(
      'This app has a WebSocket gateway but no HTTP server to bind it to: it was made with NestFactory.createMicroservice(). ' +
        'Use NestFactory.create() and connectMicroservice(), or leave the gateway out and only publish.',
    );
  }
}
