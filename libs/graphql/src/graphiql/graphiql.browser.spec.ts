import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { ServedGraphql } from '../under-test/served-graphql.js';

const executablePath = process.env['BERTH_CHROMIUM'] ?? '/usr/bin/chromium';
const isHere = existsSync(executablePath);
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const key = 'c2VjcmV0LWtleS1vZi10aGUtb3BlcmF0b3I';

if (!isHere && process.env['CI'] === 'true') {
  it('needs a browser', () => {
    throw new Error(
      `No Chromium at ${executablePath}: install it (Debian: apt-get install chromium) or set BERTH_CHROMIUM.`,
    );
  });
} else if (!isHere) {
  console.warn(`GraphiQL is not tried in a browser: no Chromium at ${executablePath}. Set BERTH_CHROMIUM to one.`);
}

(isHere ? describe : describe.skip)('GraphiQL in a browser', () => {
  let browser: Browser;
  let berth: ServedGraphql;

  beforeAll(async () => {
    berth = await ServedGraphql.start({ mode: 'apikey', keys: new Map([['ops', key]]) });
    browser = await chromium.launch({ executablePath, args });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await berth?.stop();
  });

  /** Opens the page; `faults` collects what went wrong in it and every request that left this machine's server. */
  async function open(): Promise<{ page: Page; faults: string[] }> {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(15_000);
    const faults: string[] = [];
    const { origin } = new URL(berth.url);
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) faults.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin)) faults.push(request.url());
    });
    await page.goto(berth.url);
    await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
    return { page, faults };
  }

  async function type(page: Page, editor: string, text: string): Promise<void> {
    await page.locator(`${editor} .CodeMirror`).first().click();
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(text);
  }

  async function giveKey(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Headers' }).click();
    await type(
      page,
      '.graphiql-editor-tool .graphiql-editor:not(.hidden)',
      JSON.stringify({ Authorization: `Bearer ${key}` }),
    );
  }

  const response = (page: Page) => page.locator('.graphiql-response').first();

  it('runs what is typed, with the key from the headers editor, and needs nothing from elsewhere', async () => {
    const { page, faults } = await open();
    await type(page, '.graphiql-query-editor', '{ allocationPolicy { policy } }');
    await page.keyboard.press('Control+Enter');
    await response(page).getByText('Unauthorized').waitFor();
    await giveKey(page);
    await page.getByRole('button', { name: 'Execute query' }).click();
    await response(page).getByText('EVENLY_WEIGHTED').waitFor();
    expect(faults).toEqual([]);
  }, 60_000);

  it('opens with a query that runs, and a subscription that streams', async () => {
    const { page, faults } = await open();
    await giveKey(page);
    await page.locator('.graphiql-query-editor .CodeMirror').click();
    await page.getByRole('button', { name: 'Execute query' }).click();
    await page.getByRole('menuitem', { name: 'Overview' }).click();
    await response(page).getByText('totalCount').first().waitFor();

    await page.getByRole('button', { name: 'Execute query' }).click();
    await page.getByRole('menuitem', { name: 'Loads' }).click();
    await response(page).getByText('hubLoads').waitFor();
    const mutation = 'mutation { hubLink(input: { name: "seen-live" }) { position } }';
    const { errors } = await berth.ask(mutation, {}, { authorization: `Bearer ${key}` });
    expect(errors).toBeUndefined();
    await response(page).getByText('seen-live').waitFor();
    expect(faults).toEqual([]);
  }, 60_000);
});
