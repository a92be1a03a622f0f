/** The value of an expression, as a console evaluates it. */
export function evaluate(expression: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- it is a document's
  return new Function(`return ${expression}`)() as unknown;
}
