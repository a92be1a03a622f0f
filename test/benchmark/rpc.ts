import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The functions that a benchmark process offers, by name. Arguments and results are passed by structured clone. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

type ArgumentOf<H extends Handlers, Name extends keyof H> = Parameters<H[Name]>[0];
type ResultOf<H extends Handlers, Name extends keyof H> = Awaited<ReturnType<H[Name]>>;

interface Request {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Response = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

/** Serves the parent's calls with `handlers` and exits when the parent does. */
export function serve(handlers: Handlers): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (request: Request) => {
    const respond = (response: Response): void => void process.send?.(response);
    const handler = handlers[request.name] as ((argument: unknown) => unknown) | undefined;
    Promise.resolve(request.argument)
      .then((argument) => {
        if (!handler) throw new Error(`Unknown handler ${request.name}.`);
        return handler(argument);
      })
      .then(
        (result) => respond({ id: request.id, result }),
        (error: unknown) =>
          respond({ id: request.id, error: error instanceof Error ? (error.stack ?? '') : String(error) }),
      );
  });
}

/** A child process that ends with this one. */
export class Child<H extends Handlers> {
  private readonly process: ChildProcess;
  private readonly pending = new Map<
    number,
    { resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  private lastId = 0;

  constructor(script: string, execArgv: readonly string[] = []) {
    this.process = fork(fileURLToPath(new URL(script, import.meta.url)), [], {
      serialization: 'advanced',
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.process.on('message', (response: Response) => this.settle(response));
    this.process.once('exit', () => {
      for (const { reject } of this.pending.values()) reject(new Error(`${script} exited.`));
    });
  }

  async call<Name extends keyof H & string>(
    name: Name,
    ...[argument]: undefined extends ArgumentOf<H, Name> ? [] : [ArgumentOf<H, Name>]
  ): Promise<ResultOf<H, Name>> {
    const id = ++this.lastId;
    const result = await new Promise<unknown>((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.process.send({ id, name, argument } satisfies Request);
    });
    return result as ResultOf<H, Name>;
  }

  end(): void {
    this.process.disconnect();
  }

  private settle(response: Response): void {
    const pending = this.pending.get(response.id);
    this.pending.delete(response.id);
    if ('error' in response) pending?.reject(new Error(response.error));
    else pending?.resolve(response.result);
  }
}
