import { ConnectionStringError } from '../../lib/options/connection-string.error.js';
import { parseConnectionString } from '../../lib/options/connection-string.js';

/** The error with which a connection string is refused. */
export function failure(text: string): ConnectionStringError {
  try {
    parseConnectionString(text);
  } catch (error) {
    if (error instanceof ConnectionStringError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
