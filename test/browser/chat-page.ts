import type { Browser, Locator, Page } from 'playwright-core';

const DEADLINE_MS = 30_000;
/** In CSS pixels, unless a test wants another one. */
export const WINDOW = { width: 840, height: 720 };

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
    const context = await browser.newContext({ viewport: WINDOW, ...options });
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
    await this.group(group).click();
    await this.group(group, true).waitFor();
  }

  /** Resolves when the join was refused. @returns what the page says about it */
  async joinInVain(group: string): Promise<string> {
    await this.group(group).click();
    await this.refusal.waitFor();
    return oneLine(await this.refusal.innerText());
  }

  /** The button of a group; only if it is pressed, where that is asked for. */
  group(group: string, pressed?: boolean): Locator {
    const named = { name: `#${group}`, ...(pressed === undefined ? {} : { pressed }) };
    return this.page.getByRole('button', named);
  }

  get refusal(): Locator {
    return this.page.getByRole('alert').locator('.refusal');
  }

  /** Who is in the group, each with the server, in the order of the names. */
  async members(group: string): Promise<string[]> {
    const list = this.page.getByRole('list', { name: `Members of #${group}` });
    const lines = await list.getByRole('listitem').allInnerTexts();
    return lines.map(oneLine).sort();
  }

  /** Who can be chosen for the next message. */
  async audiences(): Promise<string[]> {
    return this.page.getByRole('group', { name: 'To' }).locator('label').allInnerTexts();
  }

  /** Who is chosen, and what the page says about who gets the next message. */
  async audience(): Promise<string> {
    const chosen = await this.page.locator('label', { has: this.page.locator(':checked') }).innerText();
    return `${chosen}: ${await this.page.locator('#audience').innerText()}`;
  }

  /** @param to as the page names it */
  async say(text: string, to = 'everyone'): Promise<void> {
    await this.page.getByRole('radio', { name: to, exact: true }).check();
    await this.page.getByRole('textbox', { name: 'Message' }).fill(text);
    await this.page.getByRole('button', { name: 'Send' }).click();
  }

  /** Chooses the person for the next message, by a click on the name. */
  async choose(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).first().click();
  }

  async whisper(name: string, text: string): Promise<void> {
    await this.choose(name);
    await this.say(text, `only ${name}`);
  }

  /** Resolves when the message is there. @returns what stands above it: who, where, which way, to whom */
  async head(text: string): Promise<string> {
    return oneLine(await this.message(text).locator('.meta').innerText());
  }

  /** Resolves when what became of the message is known. @returns what stands below it */
  async foot(text: string): Promise<string> {
    const foot = this.message(text).locator('.foot').filter({ hasNotText: 'sending' });
    return oneLine(await foot.innerText());
  }

  async retry(text: string): Promise<void> {
    await this.message(text).getByRole('button', { name: 'Retry' }).click();
  }

  /** Resolves when the picture says so: who reaches whom. */
  async reach(text: string): Promise<void> {
    await this.page.locator('#reach').filter({ hasText: text }).waitFor();
  }

  /** The servers that the picture shows without a connection. */
  async cutOff(): Promise<string[]> {
    return this.page.locator('.place.off .server').allInnerTexts();
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

  private message(text: string): Locator {
    return this.messages.filter({ hasText: text });
  }

  private get messages(): Locator {
    return this.page.getByRole('log').getByRole('article');
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
