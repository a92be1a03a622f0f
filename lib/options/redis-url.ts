import {
  type ConnectionDraft,
  emptyDraft,
  planCluster,
  planSentinel,
  planNode,
  planSocket,
} from './connection-draft.js';
import type { ConnectionPlan } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { completeNodes, readNode, type WrittenNode } from './redis-node.js';
import { applyParameters, decode, type Parameter, readQuery } from './url-parameters.js';

const URL_FORM =
  /^(?<scheme>[a-z][a-z\d+.-]*):\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(\?(?<query>[^#]*))?(?<fragment>#.*)?$/is;
const SCHEME = /^(?:redis|valkey)(?<secure>s?)(?:[+-](?<form>sentinel|cluster))?$/;
const SCHEMES =
  'redis://, rediss:// (TLS), redis+sentinel://, redis+cluster://, unix:// and the same with valkey';

const PLANNERS: ReadonlyMap<
  string,
  (draft: ConnectionDraft, nodes: readonly WrittenNode[], master: string | undefined) => ConnectionPlan
> = new Map([
  [
    'node',
    (draft, nodes) => {
      const [node, ...others] = completeNodes(nodes, 6379);
      if (node && others.length === 0) return planNode(draft, node);
      throw new ConnectionStringError(
        'Several hosts must be a cluster, redis+cluster://host1,host2, or sentinels, redis+sentinel://host1,host2/master (with TLS: rediss+cluster:// or rediss+sentinel://).',
      );
    },
  ],
  [
    'sentinel',
    (draft, nodes, master) => {
      if (master) {
        return planSentinel(draft, completeNodes(nodes, 26_379), decode(master, 'name of the master'));
      }
      throw new ConnectionStringError(
        'The name of the master is missing. Write it after the sentinels: redis+sentinel://host1:26379,host2:26379/master.',
      );
    },
  ],
  ['cluster', (draft, nodes) => planCluster(draft, completeNodes(nodes, 6379))],
]);

/**
 * Parses a URL: `redis[s]://[user[:password]@]host[:port][/db][?parameters]`,
 * `redis[s]+sentinel://…host,host/master[/db]`, `redis[s]+cluster://…host,host`, the same with `valkey`, and
 * `unix://[user[:password]@]/path`. The letter case of scheme and parameter names does not matter. The credentials for
 * sentinels come only from the parameters `sentinelUsername` and `sentinelPassword`.
 *
 * @throws ConnectionStringError
 */
export function parseRedisUrl(url: string): ConnectionPlan {
  const { scheme = '', authority = '', path = '', query = '', fragment } = URL_FORM.exec(url)?.groups ?? {};
  if (fragment !== undefined) throw new ConnectionStringError('A URL must not contain "#". Write it as %23.');
  const at = authority.lastIndexOf('@');
  const given = [...readUserInfo(authority.slice(0, Math.max(at, 0))), ...readQuery(query)];
  const hosts = authority.slice(at + 1);
  // With one host, an unescaped @ in a password is common and unambiguous. With several, it could precede a host.
  if (authority.includes(',') && authority.indexOf('@') !== at) {
    throw new ConnectionStringError(
      'The URL contains several "@". Write one user and password for all hosts, and write "@" in them as %40.',
    );
  }
  if (scheme.toLowerCase() !== 'unix') return planHosts(scheme, hosts, path, given);
  if (hosts !== '' || path.length < 2) {
    throw new ConnectionStringError('Write a unix socket as unix:///path/of/socket.');
  }
  return planPath(decode(path, 'path'), given);
}

/**
 * Parses the path of a unix socket, `/path[?parameters]`. The path is not percent-decoded.
 *
 * @throws ConnectionStringError
 */
export function parseSocketPath(written: string): ConnectionPlan {
  if (written.startsWith('//')) {
    throw new ConnectionStringError('The scheme is missing. Write redis:// or rediss://.');
  }
  const mark = written.indexOf('?');
  return mark < 0
    ? planPath(written, [])
    : planPath(written.slice(0, mark), readQuery(written.slice(mark + 1)));
}

function planPath(path: string, given: readonly Parameter[]): ConnectionPlan {
  const draft = emptyDraft();
  applyParameters(draft, given);
  return planSocket(draft, path);
}

function planHosts(scheme: string, hosts: string, path: string, given: readonly Parameter[]): ConnectionPlan {
  const { secure, form = 'node' } = SCHEME.exec(scheme.toLowerCase())?.groups ?? {};
  const plan = PLANNERS.get(form);
  if (secure === undefined || !plan) {
    throw new ConnectionStringError(`Unknown scheme. Use one of ${SCHEMES}.`);
  }
  if (path.includes('@')) {
    throw new ConnectionStringError('A user or password must not contain "/". Write it as %2F.');
  }
  const segments = path.split('/').filter((segment) => segment !== '');
  const master = form === 'sentinel' ? segments.shift() : undefined;
  if (segments.length > 1) {
    throw new ConnectionStringError(
      'The path has too many parts: it may only contain the number of a database.',
    );
  }
  const draft = emptyDraft();
  if (secure) draft.tls = true;
  applyParameters(draft, [...given, ...segments.map((value) => ({ key: 'db', value }))]);
  return plan(draft, hosts.split(',').map(readNode), master);
}

function readUserInfo(userInfo: string): Parameter[] {
  const colon = userInfo.indexOf(':');
  const [username, password] =
    colon < 0 ? [userInfo, ''] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return [
    { key: 'username', value: decode(username, 'user') },
    { key: 'password', value: decode(password, 'password') },
  ].filter(({ value }) => value !== '');
}
