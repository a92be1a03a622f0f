/** `scheme://host:port` as browsers send it in `Origin`. In an option, the host may begin with `*.`. */
const ORIGIN =
  /^([a-z][a-z\d+.-]*):\/\/(\*\.)?([a-z\d](?:[a-z\d._-]*[a-z\d])?|\[[\da-f:.]+\])(?::(\d{1,5}))?\/?$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };
const EXAMPLES =
  'such as https://example.com, https://*.example.com, http://localhost:4200 or capacitor://localhost';

interface Origin {
  readonly scheme: string;
  readonly anySubdomain: boolean;
  readonly host: string;
  readonly port: string;
}

/** The origins from which browsers may connect. Scheme, host and port must match; case and default ports do not matter. */
export class AllowedOrigins {
  private readonly origins: readonly Origin[];

  /** @param entries checked by {@link originProblem} */
  constructor(entries: readonly string[]) {
    this.origins = entries.map(parse).filter((origin) => origin !== undefined);
  }

  /** @param header the value of the `Origin` header */
  allows(header: string): boolean {
    const origin = parse(header);
    return (
      origin !== undefined && !origin.anySubdomain && this.origins.some((allowed) => matches(allowed, origin))
    );
  }
}

/** What is wrong with an entry of `allowedOrigins` and what to write instead, or `undefined` if it is valid. */
export function originProblem(entry: unknown): string | undefined {
  if (typeof entry !== 'string') return `must be a string ${EXAMPLES}`;
  if (parse(entry)) return undefined;
  const shown = JSON.stringify(entry.slice(0, 100));
  return `${shown} is not an origin: write scheme://host or scheme://host:port${advice(entry) ?? `, ${EXAMPLES}`}`;
}

function advice(entry: string): string | undefined {
  if (/^[\w.-]+(:\d+)?$/.test(entry) && entry !== 'null') return `, such as "http://${entry.toLowerCase()}"`;
  if (entry.includes('*'))
    return '. "*" may only be the first label of a host, such as https://*.example.com. To allow every origin, set allowedOrigins to "*"';
  if (!URL.canParse(entry)) return undefined;
  const { protocol, host } = new URL(entry);
  const origin = `${protocol}//${host}`;
  return parse(origin) && origin !== entry ? `, such as "${origin}"` : undefined;
}

function parse(text: string): Origin | undefined {
  const [, scheme, wildcard, host, port] = ORIGIN.exec(text.toLowerCase()) ?? [];
  if (scheme === undefined || host === undefined || scheme === 'file') return undefined;
  if (port !== undefined && (Number(port) === 0 || Number(port) > 65_535)) return undefined;
  const isDefault = port === undefined || DEFAULT_PORTS[scheme] === port;
  return { scheme, anySubdomain: wildcard !== undefined, host, port: isDefault ? '' : port };
}

function matches(allowed: Origin, { scheme, host, port }: Origin): boolean {
  if (allowed.scheme !== scheme || allowed.port !== port) return false;
  return allowed.anySubdomain ? host.endsWith(`.${allowed.host}`) : host === allowed.host;
}
