import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';

/** What a page sends can be anything; what handlers get is a text that is neither empty nor long. */
export class TextPipe implements PipeTransform<unknown, string> {
  constructor(
    private readonly maxLength: number,
    /** Makes the text where the page sends none; without it, a text is required. */
    private readonly otherwise?: () => string,
  ) {}

  transform(value: unknown, { data: field = 'The message' }: ArgumentMetadata): string {
    if (value === undefined && this.otherwise) return this.otherwise();
    if (typeof value !== 'string') throw new WsException(`${field} must be a text.`);
    const text = value.trim();
    if (text === '' || text.length > this.maxLength) {
      throw new WsException(`${field} must have 1 to ${this.maxLength} characters.`);
    }
    return text;
  }
}
