import type { Browser, Locator, Page } from 'playwright-core';

const DEADLINE_MS = 15_000;

type WindowOptions = NonNullable<Parameters<Browser['newContext']>[0]>;

/** The chat in a window of its own, used by what a person sees of it, or hears from a screen reader. */
export class ChatPage {
  /** Addresses that it asked for something, and errors that nobody caught. */
  readonly asked = new Set<string>();
  readonly errors: Error[] = [];

  private constructor(
    readonly url: string,
    readonly page: Page,
  ) {
    page.setDefaultTimeout(DEADLINE_MS);
    page.on('request', (request) => this.asked.add(new URL(request.url()).origin));
    page.on('pageerror', (error) => this.errors.push(error));
  }

  static async open(browser: Browser, url: string, name: string, options: WindowOptions): Promise<ChatPage> {
    const context = await browser.newContext({ viewport: { width: 720, height: 600 }, ...options });
    const chat = new ChatPage(url, await context.newPage());
    await chat.page.goto(url);
    await chat.status('ready');
    const nameBox = chat.page.getByRole('textbox', { name: 'Your name' });
    await nameBox.fill(name);
    await nameBox.blur();
    return chat;
  }

  /** Resolves when the page shows it. */
  async status(state: string): Promise<void> {
    await this.page.getByRole('status').filter({ hasText: state }).waitFor();
  }

  async join(group: string): Promise<void> {
    await this.page.getByRole('button', { name: `#${group}` }).click();
    await this.page.getByRole('button', { name: `#${group}`, pressed: true }).waitFor();
  }

  /** @param to as the list of receivers shows it */
  async say(text: string, to = 'to everyone'): Promise<void> {
    await this.page.getByRole('combobox', { name: 'To' }).selectOption(to);
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.page.getByRole('button', { name: 'Send' }).click();
  }

  /** Makes a person the one who alone gets the next message, and says it. */
  async whisper(name: string, text: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).first().click();
    await this.say(text, `only to ${name}`);
  }

  /** Resolves when the message is there. @returns what stands above it: who, where, which way, to whom */
  async head(text: string): Promise<string> {
    const message = this.messages.filter({ hasText: text });
    await message.waitFor();
    return (await message.locator('.meta').innerText()).replace(/\s+/g, ' ').trim();
  }

  /** Resolves when a note is there. */
  async note(text: string): Promise<void> {
    await this.page.getByRole('log').getByText(text).waitFor();
  }

  /** What is moving is shown as it will be at the end. */
  screenshot(): Promise<Buffer> {
    return this.page.screenshot({ animations: 'disabled' });
  }

  async texts(): Promise<string[]> {
    return this.messages.locator('.text').allInnerTexts();
  }

  private get messages(): Locator {
    return this.page.getByRole('log').getByRole('article');
  }
}
