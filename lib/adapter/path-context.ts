import type { Authenticate } from '../options/authenticate.js';
import type { AdapterContext } from './adapter-context.js';
import type { DialectProvider } from './dialect-provider.js';
import type { PlainDialects } from './plain-dialects.js';
import type { TurnWriter } from './turn-writer.js';
import type { UserLimits } from './user-limits.js';

/** What the connections of one path need from the app and the adapter. */
export interface PathContext extends AdapterContext {
  /** `undefined` if every client is admitted. */
  readonly authenticate: Authenticate | undefined;
  readonly userLimits: UserLimits | undefined;
  readonly writer: TurnWriter;
  readonly dialects: PlainDialects;
  /** `undefined` if all clients are plain ones. */
  readonly provider: DialectProvider | undefined;
}
