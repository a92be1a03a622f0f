import { type ArgumentsHost, Catch } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import { NotJoinedError, NotPublishedError, PublishOutcomeUnknownError } from 'nestjs-redis-backplane';

/** Tells the page, as an `exception` event, what the loss of Redis means for what it has just done. */
@Catch(NotJoinedError, NotPublishedError, PublishOutcomeUnknownError)
export class BackplaneErrorFilter extends BaseWsExceptionFilter {
  override catch(
    error: NotJoinedError | NotPublishedError | PublishOutcomeUnknownError,
    host: ArgumentsHost,
  ) {
    super.catch(new WsException(explain(error)), host);
  }
}

function explain(error: NotJoinedError | NotPublishedError | PublishOutcomeUnknownError): string {
  if (error instanceof NotJoinedError) return `Redis is away, so #${error.group} cannot be joined now.`;
  const others =
    error instanceof NotPublishedError ? 'No other server has it.' : 'Others may have it or not.';
  return `Redis is away: only people on this server got that. ${others}`;
}
