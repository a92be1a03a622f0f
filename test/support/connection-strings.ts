import { ConnectionStringError } from '../../lib/options/connection-string.error.js';
import { parseConnectionString } from '../../lib/options/connection-string.js';

/** The error that parsing this connection string throws. */
export function failure(text: string): ConnectionStringError {
  try {
    parseConnectionString(text);
  } catch (error) {
    if (error instanceof ConnectionStringError) return error;
    throw error;
  }
  throw new Error(`Expected an error, but the connection string is valid: ${text}`);
}
