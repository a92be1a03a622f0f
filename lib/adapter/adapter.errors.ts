import { BackplaneError } from '../protocol/backplane.error.js';

/** The app uses another WebSocketAdapter, so its gateways would not be connected to the backplane. */
export class ForeignAdapterError extends BackplaneError {
  override readonly name = 'ForeignAdapterError';
  override readonly code = 'BACKPLANE_FOREIGN_ADAPTER';

  constructor(adapterName: string) {
    super(
      `RedisBackplaneModule is imported, but the app uses ${adapterName}. Remove app.useWebSocketAdapter(…), ` +
        'or pass it app.get(RedisBackplaneAdapter). An app can have only one WebSocketAdapter.',
    );
  }
}

/** The module is imported twice, each time with its own options. */
export class DuplicateBackplaneError extends BackplaneError {
  override readonly name = 'DuplicateBackplaneError';
  override readonly code = 'BACKPLANE_DUPLICATE_MODULE';

  constructor() {
    super(
      'RedisBackplaneModule.forRoot() or forRootAsync() was called twice in this app. Call it once, in the root module: ' +
        'its providers are global.',
    );
  }
}

/** The app has a gateway but no HTTP server, because it is a pure microservice. */
export class NoHttpServerError extends BackplaneError {
  override readonly name = 'NoHttpServerError';
  override readonly code = 'BACKPLANE_NO_HTTP_SERVER';

  constructor() {
    super(
      'This app has a WebSocket gateway but no HTTP server, because it was created with NestFactory.createMicroservice(). ' +
        'Use NestFactory.create() and connectMicroservice(), or remove the gateway if this app only emits.',
    );
  }
}
